"""qbwc-gateway: QuickBooks Desktop through the Web Connector."""
