"""Which MIP goes with which exareme, where both come from, and which versions a federation keeps."""
