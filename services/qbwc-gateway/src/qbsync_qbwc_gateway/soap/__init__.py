"""SOAP 1.1, document/literal, as the QuickBooks Web Connector speaks it."""
