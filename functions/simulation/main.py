"""Simulation: plays the real stages on archived bars, on request."""

from __future__ import annotations

from fluxfloor.contracts.events import SimulationRequested
from fluxfloor.runtime.stage import Stage
from fluxfloor.wiring import serve

from functions.simulation import player

stage = Stage("simulation")

stage.on(SimulationRequested, then=player.play)(player.accept)
stage.job("sweep")(player.play_waiting)

main = serve(stage)
