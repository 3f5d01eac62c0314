"""Set up and run federations of the Medical Informatics Platform from one seat, over SSH."""

__version__ = "0.1.0"
