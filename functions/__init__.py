"""The stages. Each folder is one deployable function; `topology.py` says how they are joined."""
