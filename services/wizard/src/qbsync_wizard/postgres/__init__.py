"""The wizard's tables."""
