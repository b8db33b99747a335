"""What leaves the floor for people: notices on their channels, and files of trades and equity."""

from __future__ import annotations

BY_SCHEDULE = "schedule"
"""Who asked for the daily exports. They are routine: nobody is told unless one fails."""
