"""What Salt loads on the pusher to open the roster and the vault."""
