"""The log's own rules: no HTTP, no SQL, no NATS."""
