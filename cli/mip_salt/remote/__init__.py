"""The one door to Salt on the nodes: one typed result a node."""
