"""What the federation's previous pusher left: mip-deployment's `mip` script and exareme's playbooks; only read."""
