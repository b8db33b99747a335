"""What a settings file may hold, with every default and bound, is written down for editors and for people."""

from __future__ import annotations

import json

from schemas.generate import HERE, settings


def test_the_schema_of_the_settings_is_current() -> None:
    """No default and no bound changes without somebody seeing it: `python -m schemas.generate` writes it."""
    assert json.loads((HERE / "settings.json").read_text()) == settings()
