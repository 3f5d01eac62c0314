"""A federation in one file: what is kept of its folder, and how it is written, read and checked."""
