"""Deterministic fault simulation: the real stages, a seeded scheduler, and everything that can go wrong between them.

`gate.py` stops a handler at every boundary, `ports.py` puts gates and faults around the ports, `scheduler.py` decides
from the seed what happens next, `scenario.py` is what the floor is given to do, `invariants.py` what must hold.
"""
