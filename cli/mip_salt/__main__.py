"""Run the command line as ``python -m mip_salt``."""

from mip_salt.main import main

main()
