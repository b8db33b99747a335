"""What `pulumi up` runs."""

from __future__ import annotations

from infra.floor import build
from infra.stack import read

build(read())
