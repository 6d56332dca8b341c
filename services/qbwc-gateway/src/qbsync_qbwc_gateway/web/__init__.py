"""The page of the Desktop connection."""
