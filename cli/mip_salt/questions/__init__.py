"""What the operator is asked, answered by a terminal or by a file: wizard and declarative run are one workflow."""
