"""Writes what the outside may rely on: the JSON Schema of every event version and of the settings' file, and the API's
OpenAPI description.

    python -m schemas.generate          writes schemas/events/*.json, schemas/settings.json and schemas/openapi.json
    python -m schemas.generate --check  says which of them are not current, and fails if one is not

`schemas/examples` is not written here: it holds messages as they once went over the wire, and every reader must go on
reading them. Add one when a version is added; never change one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from fluxfloor.contracts.events import EVENTS
from fluxfloor.runtime.settings import Settings

from functions.api.table import described

HERE = Path(__file__).parent
EXAMPLES = HERE / "examples"
DRAFT = "https://json-schema.org/draft/2020-12/schema"


def files() -> dict[Path, str]:
    """Every generated file with what it should hold."""
    made = {HERE / "events" / f"{name}.json": _text(_schema(name)) for name in EVENTS}
    made[HERE / "settings.json"] = _text(settings())
    made[HERE / "openapi.json"] = _text(described())
    return made


def settings() -> dict[str, Any]:
    """Of a settings file: an editor that knows TOML by its schema names the keys, the defaults and the bounds."""
    return {"$schema": DRAFT, **Settings.model_json_schema(), "title": "floor.toml"}


def _schema(name: str) -> dict[str, Any]:
    schema = EVENTS[name].model_json_schema()
    return {"$schema": DRAFT, **schema, "title": name}


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def stale() -> list[str]:
    """Generated files that differ from the code, and files that nothing generates any more."""
    wanted = files()
    differing = [path for path, text in wanted.items() if not path.is_file() or path.read_text() != text]
    left_over = [path for path in (HERE / "events").glob("*.json") if path not in wanted]
    return sorted(str(path.relative_to(HERE)) for path in (*differing, *left_over))


def main() -> int:
    if "--check" in sys.argv[1:]:
        for name in stale():
            print(f"schemas/{name} is not current: run python -m schemas.generate")
        return 1 if stale() else 0
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
