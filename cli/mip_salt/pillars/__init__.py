"""What Salt loads on the pusher to give a node its pillar."""
