"""What runs on the nodes themselves, sent over ssh: Python 3.8, standard library, a file each."""
