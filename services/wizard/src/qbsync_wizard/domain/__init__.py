"""The rules of the review, without any I/O."""
