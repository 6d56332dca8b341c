"""A service as small as can be: messaging's tables and one table of effects."""
