"""Movies and users as the API describes them, kept on disk; start reading at `stream.catalog.client.Catalog.sync`."""
