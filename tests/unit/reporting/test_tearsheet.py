"""Reports open, say what they were given, and look the same every time: of any run, also of one that did nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from html.parser import HTMLParser
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from fluxfloor.measures.performance import daily_returns
from fluxfloor.measures.records import Run
from fluxfloor.measures.splits import calendar_windows
from fluxfloor.reporting import figures, tearsheet, webpage
from fluxfloor.reporting.charts import thinned
from fluxfloor.reporting.figures import chance, days, hours, money, percent
from fluxfloor.reporting.months import monthly_returns
from fluxfloor.reporting.report import Report, study
from fluxfloor.reporting.trade_list import told, trade_list
from fluxfloor.simulation.ablation import ablations
from fluxfloor.simulation.baselines import cross
from fluxfloor.simulation.following import Costs, combine, follow
from fluxfloor.simulation.histories import History
from fluxfloor.simulation.walkforward import Candidate, walk_forward
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.support.histories import HOUR, random_bars
from tests.support.runs import DAY, T0
from tests.support.runs import run as made_run

COSTS = Costs(0.001, 0.0005)


def crossed(history: History, scale: float = 1.0) -> Run:
    share = 10_000 / len(history)
    accounts = [follow(name, bars, scale * cross(bars), COSTS, opening=share) for name, bars in history.items()]
    run = combine(accounts)
    k = len(run.trades)
    named = replace(
        run.trades, mode=np.arange(k) % 2, modes=("trend", "reversion"), triggers=("cross", "stop"),
        left_on=np.arange(k) % 2,
    )  # fmt: skip
    return replace(run, trades=named, periods_per_year=365.25 * 24)


def studied(history: History, run: Run, **more: Any) -> Report:
    return study("A strategy & its <costs>", run, history, COSTS, np.random.default_rng(0), draws=100, **more)


@cache
def full() -> Report:
    history = {"BTC/USDT": random_bars(24 * 200, 1, drift=0.0002)}
    runs = [crossed(history, scale) for scale in (1.0, 0.8, -0.5)]
    walked = walk_forward(
        history, calendar_windows(T0, T0 + 200 * DAY), lambda _: Candidate("cross", crossed), warm_up_bars=100
    )
    return studied(
        history, runs[0], walk_forward=walked, trials=np.column_stack([daily_returns(run)[0] for run in runs]),
        ablations=ablations(runs[0], {"half the size": runs[1]}, np.random.default_rng(0), draws=50),
        assumptions=("Fills at the next open. " * 12, "No borrow."),
    )  # fmt: skip


@cache
def nothing() -> Report:
    history = {"BTC/USDT": random_bars(24 * 60, 2)}
    run = follow("BTC/USDT", history["BTC/USDT"], np.zeros(24 * 60), COSTS)
    return studied(history, replace(run, settings={"refused": {"too_small": 7}}))


@cache
def one_trade() -> Report:
    history = {"BTC/USDT": random_bars(24 * 60, 2)}
    target = np.zeros(24 * 60)
    target[100:200] = -1.0
    return studied(history, follow("BTC/USDT", history["BTC/USDT"], target, COSTS))


@cache
def losing() -> Report:
    history = {"BTC/USDT": random_bars(24 * 60, 3, drift=-0.005)}
    return studied(history, follow("BTC/USDT", history["BTC/USDT"], np.ones(24 * 60), COSTS))


@cache
def years() -> Report:
    history = {"SPY": random_bars(365 * 12, 4, drift=0.0005, step_ms=DAY)}
    return studied(history, replace(crossed(history), periods_per_year=252.0))


@cache
def many() -> Report:
    history = {name: random_bars(24 * 90, seed) for seed, name in enumerate("ABCDEFG")}
    return studied(history, crossed(history))


@cache
def a_crowd() -> Report:
    """Sixty symbols: a breakdown longer than a page."""
    history = {f"S{seed:02}": random_bars(24 * 40, seed, risk=0.02) for seed in range(60)}
    return studied(history, crossed(history))


@cache
def an_hour() -> Report:
    history = {"BTC/USDT": random_bars(60, 5, step_ms=60_000)}
    return studied(history, follow("BTC/USDT", history["BTC/USDT"], np.ones(60), COSTS))


REPORTS: list[Callable[[], Report]] = [full, nothing, one_trade, losing, years, many, a_crowd, an_hour]


def boxes(page: Figure) -> dict[str, Any]:
    """What the page itself wrote and what its charts take up, ticks and titles included, in pixels."""
    canvas = FigureCanvasAgg(page)
    canvas.draw()
    renderer = canvas.get_renderer()
    written = {
        f"{place} {text.get_text()}": text.get_window_extent(renderer)
        for place, text in enumerate(page.texts)
        if text.get_text()
    }
    drawn = {f"chart {axes.get_title('left')}": axes.get_tightbbox(renderer) for axes in page.axes}
    return {**written, **drawn}


@pytest.mark.parametrize("make", REPORTS)
def test_nothing_leaves_its_page_or_lies_on_something_else(make: Callable[[], Report]) -> None:
    with tearsheet.styled():
        for page in tearsheet.pages(make()):
            width, height = page.get_size_inches() * page.dpi
            found = boxes(page)
            for what, box in found.items():
                assert 0 <= box.x0 < box.x1 <= width, what
                assert 0 <= box.y0 < box.y1 <= height, what
            for (one, box), (other, second) in combinations(found.items(), 2):
                across = min(box.x1, second.x1) - max(box.x0, second.x0)
                down = min(box.y1, second.y1) - max(box.y0, second.y0)
                assert across <= 0 or down <= 1, f"{one!r} lies on {other!r}"


@pytest.mark.parametrize("make", [full, nothing])
def test_the_same_report_gives_the_same_bytes(make: Callable[[], Report]) -> None:
    report = make()
    for write in (tearsheet.pdf, tearsheet.png, webpage.page):
        assert write(report) == write(report)


def test_the_pdf_has_three_pages_and_its_title_and_no_date() -> None:
    data = tearsheet.pdf(full())
    assert data.startswith(b"%PDF")
    assert data.count(b"/Type /Page ") == 3
    assert b"CreationDate" not in data
    assert b"A strategy & its" in data


def test_a_breakdown_that_does_not_fit_goes_on_elsewhere_and_loses_no_row() -> None:
    for report in (many(), a_crowd()):
        with tearsheet.styled():
            written = [text.get_text() for page in tearsheet.pages(report) for text in page.texts]
        rows = {row[0] for grid in figures.breakdown(report).values() for row in grid.rows}
        assert rows <= set(written)
        assert set(report.run.symbols) <= rows


def test_the_png_is_as_large_as_it_says() -> None:
    data = tearsheet.png(nothing(), dpi=100)
    assert data.startswith(b"\x89PNG")
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (900, 540)


class Tags(HTMLParser):
    """Counts what is open, and keeps every attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("make", REPORTS)
def test_the_page_is_whole_and_asks_for_nothing(make: Callable[[], Report]) -> None:
    text = webpage.page(make())
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert {"script", "link", "img", "iframe"}.isdisjoint(tag for tag, _ in tags.seen)
    for _, attributes in tags.seen:
        for name in ("href", "src"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.search(r"url\((?!#)", text)
    ids = [attributes["id"] for _, attributes in tags.seen if attributes.get("id")]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'href="#([^"]+)"', text))
    assert used <= set(ids)
    assert "A strategy &amp; its &lt;costs&gt;" in text
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL).lower().replace("finance", "")


def test_the_report_says_what_was_measured() -> None:
    report = full()
    grid = figures.key_figures(report)
    assert grid.header[1:] == ("this run", "buy and hold", "MA cross 20/100", "reversion z20", "random entries")
    cells = {row[0]: row[1] for row in grid.rows}
    assert cells["trades"] == f"{len(report.run.trades):,}"
    assert cells["total return"] == percent(report.run.equity[-1] / 10_000 - 1, signed=True)
    assert set(figures.breakdown(report)) == {"mode", "left on", "regime"}
    told = {what: figure for what, figure, _ in figures.verdicts(report)}
    assert set(told) == {
        "true Sharpe above zero", "deflated Sharpe", "overfitting probability", "walk-forward", "beats chance",
        "drawdown by bad luck", "ruin", "stop it live at", "fees paid", "room to grow",
    }  # fmt: skip
    assert {row[0] for row in figures.interval_table(report).rows} == {
        "Sharpe ratio", "annual return", "daily drawdown", "edge a trade",
    }  # fmt: skip


def test_every_trade_of_the_page_says_why_and_in_which_regime() -> None:
    """Of an account without stops: what nobody knows is a dash."""
    run = full().run
    grid = trade_list(run)
    assert len(grid.rows) == min(len(run.trades), 250)
    newest = grid.rows[0]
    assert newest[0] == f"{datetime.fromtimestamp(run.trades.entry_ms[-1] / 1_000, UTC):%Y-%m-%d %H:%M}"
    assert newest[3] in ("cross (trend)", "cross (reversion)")
    assert newest[9] in ("cross", "stop")
    assert {row[4] for row in grid.rows} <= {"up", "down", "reverting", "neutral", "–"}
    assert {"reverting", "neutral"} <= {row[4] for row in grid.rows}
    assert {row[6] for row in grid.rows} == {"–"}
    assert newest[0] in webpage.page(full())


def test_a_stop_that_moved_is_told_with_both_ends_and_what_it_put_at_risk() -> None:
    run = one_trade().run
    stop = run.trades.entry_price + 5.0
    moved = replace(run.trades, entry_stop=stop, exit_stop=stop - 2.5)
    (row,) = trade_list(replace(run, trades=moved)).rows
    assert row[6] == f"{stop[0]:,.8g} → {stop[0] - 2.5:,.8g}"
    assert row[7] == money(5.0 * float(run.trades.quantity[0]))


def test_a_long_list_is_cut_to_its_newest_and_says_so() -> None:
    run = full().run
    assert len(trade_list(run, most=3).rows) == 3
    assert told(run, most=3) == f"The newest 3 of {len(run.trades)} trades."
    assert told(run, most=len(run.trades)) == ""


def test_what_was_not_worked_out_is_not_told() -> None:
    report = nothing()
    assert figures.verdicts(report) == []
    assert report.intervals == {}
    assert figures.breakdown(report) == {}
    told = " ".join(figures.notes(report))
    assert "No sharpe, sortino: the returns do not deviate." in told
    assert "Entries refused: 7 too small." in told
    assert {what for what, _, _ in figures.verdicts(one_trade())}.isdisjoint({"ruin", "stop it live at"})


def test_months_multiply_to_the_whole() -> None:
    run = made_run(
        np.array([110.0, 99.0, 99.0, 198.0]), opening=100.0, close_ms=[T0, T0 + DAY, T0 + 40 * DAY, T0 + 400 * DAY]
    )
    found, cells, totals = monthly_returns(run)
    assert found == [2023, 2024, 2025]
    assert cells[0, 11] == pytest.approx(0.1)  # the bar that closes at new year belongs to December
    assert cells[1, :2] == pytest.approx([-0.1, 0.0])
    assert np.isnan(cells[1, 2:]).all()
    assert cells[2, 1] == pytest.approx(1.0)
    assert np.prod(1 + totals) == pytest.approx(1.98)


def test_a_thinned_curve_keeps_its_ends_its_peak_and_its_trough() -> None:
    values = np.random.default_rng(0).normal(size=100_003)
    times, kept = thinned(np.arange(values.size), values, 800)
    assert times.size <= 800
    assert (times[0], times[-1]) == (0, values.size - 1)
    assert (kept.min(), kept.max()) == (values.min(), values.max())
    assert (np.diff(times) > 0).all()


def test_numbers_read_as_people_write_them() -> None:
    assert (percent(-0.1234), percent(0.5, 0, signed=True), percent(-0.00001)) == ("−12.3 %", "+50 %", "0.0 %")
    assert (money(1234.5, "USD"), money(-3.456), money(None)) == ("1,234 USD", "−3.46", "–")
    assert (hours(0.25), hours(5.04), hours(100)) == ("15 min", "5.0 h", "4.2 d")
    assert (days(0.0), days(0.5), days(12.4)) == ("0", "12.0 h", "12 d")
    assert (chance(0.0), chance(1.0), chance(0.5)) == ("< 0.1 %", "> 99.9 %", "50.0 %")


def test_hours_of_an_hourly_run_are_closes() -> None:
    report = nothing()
    assert report.run.close_ms[0] == T0 + HOUR
    assert figures.subtitle(report).startswith("BTC/USDT   ·   2024-01-01 to 2024-02-29 (60 days, 1,440 bars)")
