"""An order's life, as pure transitions. What touches the venue is in functions/execution."""
