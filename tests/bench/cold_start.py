"""From a stage's process start to its first answer, each alone on the machine, against the emulators.

.venv/bin/python tests/bench/cold_start.py --runs 5
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fluxfloor.adapters.google.push import message_push
from fluxfloor.local import processes
from fluxfloor.topology import INTERNAL_PATH
from support.kraken_rest import KrakenRest

WAY = ("ingestion", "features", "cerebro", "execution")
SECRETS = {"sender-bench": "bench-secret-8312", "api-session-key": "x" * 64, "api-admin-password-hash": "none"}


def first_answer(floor: processes.ProcessFloor, stage: str) -> float:
    """Seconds from the start of a fresh process to its answer to a request that opens its ports: a message that is
    not one of ours for most, the health page for what people call."""
    process = floor.stages[stage]
    process.kill()
    begun = time.monotonic()
    process.start()
    process.wait_until_ready()
    body = message_push(f"{stage}--bench", b"{}", {"event_id": f"bench-{begun}"}, "1")
    request = urllib.request.Request(process.url + INTERNAL_PATH, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        response.read()
    return time.monotonic() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, KrakenRest() as kraken:
        settings = Path(scratch) / "floor.toml"
        settings.write_text(f'[market]\nbase_url = "{kraken.url}"\n[senders.bench]\n')
        with processes.running(Path(scratch) / "floor", settings, SECRETS) as floor:
            processes.open_for_business(floor)
            for stage in floor.stages.values():
                stage.stop()
            medians = {}
            for name in floor.stages:
                times = [first_answer(floor, name) for _ in range(asked.runs)]
                floor.stages[name].stop()
                medians[name] = round(statistics.median(times), 3)
            print(json.dumps({"median_s": medians, "webhook_to_order_s": round(sum(medians[name] for name in WAY), 3)}))


if __name__ == "__main__":
    main()
