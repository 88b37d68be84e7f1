"""Answers HTTP on :8082 from published arrays; start reading at `serving.app.create_app`."""
