"""QuickBooks Online: OAuth 2, the REST API, and the Online work queue."""
