"""The node that a city starts."""

__version__ = "0.1.0"
