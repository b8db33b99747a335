"""Fluxfloor: a serverless trading floor. `topology.py` is the map; start there."""

__version__ = "0.1.0"
