"""The Sync Wizard: what waits for approval, what was approved, and the way in for the app."""
