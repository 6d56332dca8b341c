"""The sandbox's host application: a small field-service app, and the example for integrators (README.md)."""
