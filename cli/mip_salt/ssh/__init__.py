"""Host keys, first contact, identity."""
