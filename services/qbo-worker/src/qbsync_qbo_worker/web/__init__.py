"""The Online connection page."""
