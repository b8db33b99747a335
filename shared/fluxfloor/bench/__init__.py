"""The bench: our work beside the fastest thing a user could pick instead, taking turns in one run."""
