"""What a command does, as phases; no click, no printing."""
