"""Look at this machine and at a federation's files: what is well, what is not, and what to do about it."""
