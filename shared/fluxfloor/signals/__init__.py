"""From a webhook's bytes to standard signals, or to a refusal that says what to mend.

    bytes -> parse -> authenticate -> formats/* read drafts -> symbols -> timing -> Signal

`standardise.standardise` is the one entry. Everything here is pure, and light: a webhook sender waits for the cold
start, so nothing numeric is imported. To add a format, write `formats/<name>.py` and enter it in `formats/__init__.py`.
"""
