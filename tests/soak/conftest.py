"""Long campaigns, one file each: `make soak`, or `make soak ONLY=name` for test_<name>.py. `make test` has samples."""
