"""A simulated QuickBooks Online: OAuth 2, the company API with its faults, and a control API for tests.

`python -m qbsync_local.sandbox.online` serves it; `app.build(settings)` is the ASGI application.
"""
