"""The record of every sync: what was approved, what became of it, and what to do about what did not arrive."""
