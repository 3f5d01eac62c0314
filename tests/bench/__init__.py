"""`make bench`: the same work by mip-salt and by those that do it too, on the same nodes. No test lies here."""
