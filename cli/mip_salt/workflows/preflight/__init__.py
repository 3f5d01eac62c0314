"""The preflight: whether the nodes reach each other as the federation needs it, tried between the nodes themselves."""
