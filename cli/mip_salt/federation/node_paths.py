"""Where mip-salt keeps its own things on a node."""

# Salt as it is sent along, and its caches: root's alone; gone with the node's removal.
SALT = "/var/lib/mip-salt"
# Held by whoever runs states there; remote/node/runner.py, which stands alone, says it again.
LOCK = "/run/mip-salt.lock"
