"""What the market did: bars gated, kept hot, archived and rebuilt. Pure decisions; `pull.py` is the way in."""
