"""The matrix of what venues can be relied on for: whole, consistent, and the same wherever it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from fluxfloor.adapters.venues.dialects import DIALECTS, dialect_of
from fluxfloor.cli.main import app
from fluxfloor.contracts.signals import OrderType, TimeInForce
from fluxfloor.contracts.venues import CAPABILITIES, Capabilities
from fluxfloor.errors import Misconfigured
from typer.testing import CliRunner

README = Path(__file__).parents[3] / "README.md"
ROWS = sorted(CAPABILITIES.items())


def test_the_readme_shows_the_matrix_as_it_is() -> None:
    shown = CliRunner().invoke(app, ["venues", "--markdown"])
    assert shown.exit_code == 0
    assert shown.stdout in README.read_text()


def test_every_dialect_has_a_row_and_speaks_for_its_exchange() -> None:
    for venue in DIALECTS:
        assert venue in CAPABILITIES
        assert dialect_of(venue).exchange_id == venue
    with pytest.raises(Misconfigured, match="kraken"):
        dialect_of("mtgox")


@pytest.mark.parametrize(("venue", "able"), ROWS)
def test_a_row_promises_nothing_that_contradicts_itself(venue: str, able: Capabilities) -> None:
    assert {OrderType.MARKET, OrderType.LIMIT} <= able.order_types
    assert TimeInForce.GTC in able.time_in_force
    assert 16 <= able.client_id_length <= 128
    assert 0 <= able.reserved_for_cancels < (able.burst or able.requests_per_minute)
    assert able.burst <= able.requests_per_minute
    if venue in DIALECTS:
        kind = dialect_of(venue)
        assert not able.placement_expiry_ms or kind.least_ms < able.placement_expiry_ms <= kind.most_ms
        assert able.clock_error_ms >= kind.clock_step_ms
        assert able.reserved_for_cancels > kind.look_cost


@pytest.mark.parametrize(("venue", "able"), ROWS)
def test_an_exit_without_an_answer_finds_its_way_without_a_person(venue: str, able: Capabilities) -> None:
    """Late placements are dropped, or an id is taken only once: of a venue with neither somebody should know."""
    assert able.placement_expiry_ms or able.permanent_client_ids, venue
