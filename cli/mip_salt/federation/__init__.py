"""A federation on this machine: its model, its folder, and the files generated from them."""
