"""The brain: pure decisions on one portfolio's risk book. `decide.py` is the way in."""
