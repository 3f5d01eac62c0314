"""The vault: one signed and encrypted GPG message a node."""
