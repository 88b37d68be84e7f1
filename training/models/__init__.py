"""One algorithm a file: a `Config` dataclass and `fit`; a module's name is the model's name."""
