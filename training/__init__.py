"""Makes, keeps, publishes and releases models; start reading at `training.run.train_and_register`."""
