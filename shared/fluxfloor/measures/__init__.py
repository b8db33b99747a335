"""What a strategy's run was worth, and how far that can be believed. Pure, over arrays."""
