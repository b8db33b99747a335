"""Settings: one file, the environment over it, and a clear word about what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from fluxfloor.errors import Misconfigured
from fluxfloor.runtime.settings import Settings, load


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLUXFLOOR_SETTINGS", raising=False)


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "floor.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_nothing_set_is_a_paper_floor() -> None:
    assert (load().mode, load().backend) == ("paper", "embedded")


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, '[market]\nexchange = "kraken"\n[paper]\nfee = "0.001"\n')
    monkeypatch.setenv("FLUXFLOOR__MARKET__EXCHANGE", "binance")
    found = load(path)
    assert (found.market.exchange, str(found.paper.fee)) == ("binance", "0.001")


def test_the_file_may_be_named_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUXFLOOR_SETTINGS", str(written(tmp_path, 'log_level = "DEBUG"\n')))
    assert load().log_level == "DEBUG"


def test_overrides_win_over_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLUXFLOOR__MARKET__EXCHANGE", "binance")
    assert load(overrides={"market": {"exchange": "coinbase"}}).market.exchange == "coinbase"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mode = 'real'\n", "mode"),
        ("mode = 'live'\n", "live_confirmed"),
        ("mode = 'live'\nlive_confirmed = true\n", "takes no paper"),
        (
            "mode = 'live'\nlive_confirmed = true\n[accounts.paper-main]\nvenue = 'kraken'\nsandbox = true\n",
            "no sandbox account",
        ),
        ("[safety]\nstale_halt_s = 60\n", "stale_halt_s"),
        ("[telegram]\nenabled = true\n", "allowed_users"),
        ("mod = 'paper'\n", "mod"),
        ("[portfolios.main]\naccount = 'nowhere'\n", "portfolios.main.account"),
        ("[portfolios.main]\npreset = 'yolo'\n", "preset 'yolo'"),
        ("[senders.tv]\nportfolio = 'nowhere'\n", "senders.tv.portfolio"),
        ("[accounts.paper-main]\nvenue = 'kraken'\n", "live account"),
        ("[paper]\nlatency_min_ms = 300\n", "latency_max_ms"),
        ("[market]\ntraded_timeframe = '3m'\n", "3m"),
        ("= 1\n", "floor.toml"),
        (b"\xff\xfe mode", "floor.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(written(tmp_path, text))
    assert told in str(caught.value)


def test_a_secret_that_was_put_into_the_settings_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(written(tmp_path, "[senders.tv]\nsecret = 'qzx-canary'\n"))
    assert "senders.tv.secret" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"none\.toml"):
        load(tmp_path / "none.toml")


def test_the_digest_tells_settings_apart() -> None:
    assert Settings().digest() == Settings().digest()
    assert Settings().digest() != load(overrides={"paper": {"fee": "0"}}).digest()
