"""The oldest Python of a node that we serve."""

OLDEST = (3, 8)
