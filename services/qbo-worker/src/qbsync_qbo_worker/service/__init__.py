"""What the worker does: connect, drain, read. No HTTP server, no SQL."""
