"""The floor on this machine: in one process, on Google's emulators, replayed, or under simulated faults."""

import os

# Children are forked while gRPC clients are open; its note about that on every fork helps nobody.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
# Processes started from one that talks gRPC must not run its fork handlers: now and then they abort before the exec.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
