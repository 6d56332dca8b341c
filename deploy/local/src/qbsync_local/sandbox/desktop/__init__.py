"""A simulated QuickBooks Desktop: company files that answer qbXML, and the Web Connector that drives them."""
