"""Run the command line as ``python -m mip_salt``."""

from mip_salt.start import main

main()
