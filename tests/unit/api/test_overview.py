"""What the page shows is worked out here: tiles against Cerebro's book, waterfalls as bars, positions with weights."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fluxfloor.contracts.decisions import Decision, Limit
from fluxfloor.contracts.events import AccountUpdated
from fluxfloor.contracts.policy import Limits
from fluxfloor.contracts.state import RiskBook
from fluxfloor.reporting.overview import Tile, tiles
from fluxfloor.reporting.panels import amount, position_panel, waterfall
from fluxfloor.reporting.readmodels import account_view, decision_row
from fluxfloor.topology import STAGES

from functions.api.flow import flow
from tests.support import floor_story as story

NOW_MS = 1_790_000_000_000
SIZES = {story.BTC: story.LOT, story.ETH: story.LOT}


def told(update: AccountUpdated, book: RiskBook | None, limits: Limits | None = None) -> dict[str, Tile]:
    return {tile.name: tile for tile in tiles(account_view(update, None), book, limits or Limits())}


def an_update(equity: str) -> AccountUpdated:
    return story.account(NOW_MS, equity, 7, story.POSITIONS)


def a_book(**changes: object) -> RiskBook:
    return story.book(an_update("10000")).model_copy(update=changes)


def test_the_day_is_measured_from_its_start() -> None:
    day = told(an_update("9900"), a_book(day_start_equity=Decimal(10_000)))["day"]
    assert (day.value, day.sign, day.used, day.level) == (Decimal("-100.00"), -1, 0.5, "calm")


@pytest.mark.parametrize(("equity", "level"), [("9900", "calm"), ("9830", "near"), ("9800", "over")])
def test_a_tile_warns_near_its_limit(equity: str, level: str) -> None:
    assert told(an_update(equity), a_book(day_start_equity=Decimal(10_000)))["day"].level == level


def test_a_gain_uses_nothing_of_the_loss_limit() -> None:
    day = told(an_update("10300"), a_book(day_start_equity=Decimal(10_000)))["day"]
    assert (day.sign, day.used) == (1, 0.0)


def test_drawdown_is_against_the_high_water_mark_of_the_book() -> None:
    assert told(an_update("9000"), a_book(high_water=Decimal(12_000)))["drawdown"].value == Decimal("0.25")
    assert told(an_update("12500"), a_book(high_water=Decimal(12_000)))["drawdown"].value == 0


def test_exposure_counts_what_is_held_and_what_entries_reserved() -> None:
    held = sum(abs(item.quantity) * item.mark_price for item in story.POSITIONS)
    tile = told(an_update("10000"), a_book())["exposure"]
    assert tile.value == ((held + Decimal("303.46")) / 10_000).quantize(Decimal("0.000001"))
    assert "303.46 reserved" in tile.detail


def test_an_account_without_book_or_policy_has_tiles_too() -> None:
    bare = {tile.name: tile for tile in tiles(account_view(an_update("10000"), None), None, None)}
    assert bare["open"].value == 2
    assert [tile.used for tile in bare.values()] == [None] * 5


# --- waterfalls --------------------------------------------------------------------------------------------------


def a_decision(*limits: Limit) -> Decision:
    made = story.decision(1, NOW_MS, "risk_per_trade", story.BTC, "trend", "text")
    return made.model_copy(update={"waterfall": limits})


def test_bars_are_drawn_against_the_tightest_limit_so_that_it_stays_visible() -> None:
    bars = waterfall(
        a_decision(
            Limit(name="risk_per_trade", allows_lots=1_000, binding=True),
            Limit(name="position_cap", allows_lots=2_000),
            Limit(name="margin", allows_lots=900_000),
            Limit(name="daily_loss", note="fine"),
        ),
        SIZES,
    )
    assert [(bar.share, bar.beyond) for bar in bars] == [(0.25, False), (0.5, False), (1.0, True), (None, False)]
    assert [bar.allows for bar in bars] == ["0.01 BTC", "0.02 BTC", "9 BTC", ""]


def test_a_limit_that_allows_nothing_has_an_empty_bar() -> None:
    (bar,) = waterfall(a_decision(Limit(name="slippage", allows_lots=0, passed=False, binding=True)), SIZES)
    assert (bar.share, bar.beyond, bar.passed) == (0.0, False, False)


def test_an_unknown_instrument_is_counted_in_lots() -> None:
    assert amount(1, "kraken:XYZ/USDT", {}) == "1 lot"
    assert amount(12, "kraken:XYZ/USDT", {}) == "12 lots"
    assert amount(12, story.BTC, SIZES) == "0.00012 BTC"


def test_a_position_knows_its_weight_and_who_holds_it() -> None:
    parts = list(a_book().positions.values())
    panel = position_panel(story.POSITIONS[1], Decimal(10_000), [parts[1]], SIZES)
    assert (panel.direction, panel.weight) == ("LONG", Decimal("0.138244"))
    assert [(share.strategy_id, share.quantity) for share in panel.strategies] == [("mean_reversion", "0.41 ETH")]


def test_a_decision_row_is_what_was_decided() -> None:
    made = a_decision()
    assert decision_row(made).decision == made


# --- the flow ----------------------------------------------------------------------------------------------------


def test_every_stage_stands_right_of_those_it_waits_for() -> None:
    drawn = flow({})
    at = {stage.stage: (stage.column, stage.row) for stage in drawn.stages}
    assert set(at) == set(STAGES)
    assert len(set(at.values())) == len(at)
    assert all((at[link.source][0] < at[link.target][0]) != link.back for link in drawn.links)
    assert [at[name][0] for name in ("ingestion", "features", "cerebro", "execution", "reconciliation")] == [
        0,
        1,
        2,
        3,
        4,
    ]
