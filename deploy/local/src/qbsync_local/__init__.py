"""qbsync on one machine: the `qbsync` command, embedded PostgreSQL and NATS, the supervisor and the sandbox."""
