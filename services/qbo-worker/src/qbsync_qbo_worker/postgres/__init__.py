"""The worker's schema: connections and tokens, leases, calls, cursors, and the shared queue."""
