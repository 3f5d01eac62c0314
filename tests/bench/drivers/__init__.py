"""Small programs over mip-salt's one door to Salt, for work that no command of it does."""
