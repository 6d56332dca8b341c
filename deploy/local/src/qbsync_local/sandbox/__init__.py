"""Simulated QuickBooks Desktop and Online, and a demo app, to see and test qbsync without Intuit."""
