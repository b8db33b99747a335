"""Backtests: the compiled loop, sweeps over it, and the tools that keep its results honest."""
