"""The example file is the manual of the settings: complete, explained, and true."""

from __future__ import annotations

import os
import re
import tomllib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fluxfloor.contracts.allocation import AllocationPolicy
from fluxfloor.contracts.policy import PRESETS, Limits
from fluxfloor.runtime import settings
from fluxfloor.runtime.settings import PortfolioSettings, Section, Settings, StrategySettings
from fluxfloor.signals.formats import FORMATS
from fluxfloor.strategies import PLUGINS, build

EXAMPLE = Path(__file__).parents[3] / "shared" / "floor.example.toml"
OFF = ("daily_loss_flattens", "touch_multiple", "stop_guard_stops", "lookback_drawdown", "low_profit",
       "large_touch_multiple", "large_volume_share")  # fmt: skip
SWITCHED_OFF = re.compile(r"^#(?=\S)", re.MULTILINE)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(settings.PREFIX)]:
        monkeypatch.delenv(name)


def everything_on() -> dict[str, Any]:
    return tomllib.loads(SWITCHED_OFF.sub("", EXAMPLE.read_text()))


def sections(model: type[Section], values: list[Any], path: str) -> Iterator[tuple[str, type[Section], list[Any]]]:
    """Every section with all tables that the file has for it: a section may stand there several times."""
    yield path, model, values
    for name, field in model.model_fields.items():
        found = [value[name] for value in values if name in value]
        for inner in inner_sections(field.annotation):
            yield from sections(inner, list(flat(found)), f"{path}{name}.")


def inner_sections(annotation: Any) -> list[type[Section]]:
    if (
        isinstance(annotation, type)
        and not isinstance(annotation, types.GenericAlias)
        and issubclass(annotation, Section)
    ):
        return [annotation]
    return [inner for part in typing.get_args(annotation) for inner in inner_sections(part)]


def flat(found: list[Any]) -> Iterator[Any]:
    """Tables out of arrays of tables and out of tables by name."""
    for value in found:
        if isinstance(value, list):
            yield from value
        elif all(isinstance(inner, dict) for inner in value.values()):
            yield from value.values()
        else:
            yield value


def test_as_it_stands_it_changes_nothing() -> None:
    assert settings.load(EXAMPLE) == Settings()


def test_every_setting_is_in_it() -> None:
    missing = [
        f"{path}{name}"
        for path, model, tables in sections(Settings, [everything_on()], "")
        for name in model.model_fields
        if not any(name in table for table in tables)
        and (model, name) not in {(StrategySettings, "params"), (PortfolioSettings, "limits")}
    ]
    assert missing == []


def test_every_limit_is_in_it_with_the_value_of_the_preset() -> None:
    shown = everything_on()["portfolios"]["main"]["limits"]
    assert set(shown) == set(Limits.model_fields)
    preset = PRESETS["kraken-mvp"]
    same = {name: value for name, value in shown.items() if name not in OFF}
    assert Limits.model_validate(same) == preset


def test_with_everything_switched_on_it_loads_to_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "floor.toml"
    path.write_text(SWITCHED_OFF.sub("", EXAMPLE.read_text()))
    loaded = settings.load(path)
    assert [channel.kind for channel in loaded.alerts] == ["log", "telegram", "slack", "email", "webhook"]
    assert loaded.senders["desk-1"].secret_name == "sender-desk-1"
    assert loaded.strategies["trend"].params == {"stop_atr": 2.0, "min_atr": 120.0, "expected_alpha": 0.03}
    assert str(loaded.portfolios["main"].resolved().daily_loss_flattens) == "0.03"


def test_the_strategies_parameters_are_their_defaults() -> None:
    shown = everything_on()["strategies"]
    assert set(shown) == {strategy.plugin for strategy in Settings().strategies.values()}
    for table in shown.values():
        params = {name: value for name, value in table["params"].items() if name != "min_atr"}
        assert build(table["plugin"], params) == build(table["plugin"], {})
        assert table["plugin"] in PLUGINS


def test_every_format_is_named_where_a_sender_may_be_held_to_one() -> None:
    line = next(line for line in EXAMPLE.read_text().splitlines() if line.startswith("#formats"))
    assert all(form.name in line for form in FORMATS)


def test_every_setting_says_what_it_is() -> None:
    lines = [line for line in EXAMPLE.read_text().splitlines() if re.match(r"#?[a-z_]+ = ", line)]
    assert len(lines) > 80
    assert [line for line in lines if not re.search(r"  ?# \S", line)] == []


def test_no_line_is_too_long_to_read() -> None:
    assert [line for line in EXAMPLE.read_text().splitlines() if len(line) > 120] == []


def test_every_single_value_of_an_allocation_is_shown_with_its_default() -> None:
    shown = everything_on()["portfolios"]["main"]["allocation"]
    wanted = {
        name: field.default
        for name, field in AllocationPolicy.model_fields.items()
        if field.default_factory is None and not isinstance(field.default, tuple)
    }
    assert shown.keys() == wanted.keys()
    told = {name for name, value in wanted.items() if value is not None} - {"missing"}
    assert {name: shown[name] for name in told} == {name: wanted[name] for name in told}
    PortfolioSettings.model_validate({"allocation": shown}).shared_by()
