"""Eastwind: an innovation sandbox with feature flags. The Flask core."""

__version__ = "0.1.0"
