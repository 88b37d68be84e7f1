"""What happened, kept for good: the stream's format, the event log on disk, and everything that speaks to Kafka."""
