"""The peers' sides. Each file runs alone in the peers' venv, without fluxfloor: `run(given)`, and if there is anything
to make ready outside the clock `prepare(arrays)`, whose result `run` is then given instead of the arrays.
"""
