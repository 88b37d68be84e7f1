"""The event log on disk; start reading at `stream.store.log.EventLog.append`."""
