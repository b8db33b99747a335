"""The floor in one process on the wall's clock, with a loopback exchange in the network's place."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.support.kraken_rest import KrakenRest


def wait_for_address(output: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"The floor is open at\s+(http://\S+)", output.read_text())
        if found:
            return found.group(1)
        time.sleep(0.2)
    pytest.fail(f"the floor did not open:\n{output.read_text()[-3000:]}")


def test_the_live_floor_trades_on_paper_against_an_exchange(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with KrakenRest() as kraken, output.open("wb") as stream:
        settings = tmp_path / "floor.toml"
        settings.write_text(f'[market]\nbase_url = "{kraken.url}"\n[senders.anna]\ndefault_expected_alpha = "0.05"\n')
        command = [sys.executable, "-m", "fluxfloor.cli.main", "run", "--settings", str(settings), "--port", "0"]
        process = subprocess.Popen(
            [*command, "--directory", str(tmp_path / "floor")], stdout=stream, stderr=subprocess.STDOUT
        )
        try:
            address = wait_for_address(output, process)
            with urllib.request.urlopen(address + "/", timeout=20) as page:
                assert page.status == 200
            secret = (tmp_path / "floor" / "secrets" / "sender-anna").read_text()
            body = f"SECRET={secret};SYMBOL=BTCUSDT;SIGNAL=BUY;STOP_PRICE=1".encode()
            request = urllib.request.Request(address + "/webhooks/anna", body, {"Content-Type": "text/plain"})
            with urllib.request.urlopen(request, timeout=20) as answer:
                assert answer.status == 200
            assert secret not in output.read_text()
            assert filled(tmp_path / "floor"), "no order was filled"
        finally:
            process.terminate()
            process.wait(20)


def filled(directory: Path) -> bool:
    from fluxfloor.adapters.embedded.store import SqliteStore
    from fluxfloor.ports import Query

    store, deadline = SqliteStore(directory), time.monotonic() + 20
    while time.monotonic() < deadline:
        if any((row.data or {})["state"] == "filled" for row in store.query(Query("orders"))):
            return True
        time.sleep(0.2)
    return False
