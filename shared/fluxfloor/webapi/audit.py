"""The audit log: who did what, each record carrying the digest of the one before. Written in the commit of the change
itself, so neither is ever without the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.views import AuditHead, AuditRecord

if TYPE_CHECKING:
    from fluxfloor.runtime.work import Work

HEAD = "head"


def record(work: Work, actor: str, action: str, subject: str, **details: object) -> AuditRecord:
    """Appends to the chain as part of this work."""
    (head,) = work.read(AuditHead.key(HEAD))
    head = head or AuditHead(id=HEAD)
    made = AuditRecord(
        id=f"{head.count + 1:012d}", actor=actor, action=action, subject=subject,
        details={name: str(value) for name, value in details.items()}, ts_event_ms=work.now_ms, previous=head.last,
    )  # fmt: skip
    made = made.model_copy(update={"digest": digest_of(made)})
    work.create(made)
    work.write(head.model_copy(update={"last": made.digest, "count": head.count + 1}))
    return made


def digest_of(made: AuditRecord) -> str:
    details = orjson.dumps(made.details, option=orjson.OPT_SORT_KEYS)
    return digest("audit", made.previous, made.id, made.actor, made.action, made.subject, details, made.ts_event_ms)


def broken(records: Sequence[AuditRecord]) -> str:
    """The id of the first record of a stretch (any order) that was changed, or whose predecessor is missing or was;
    "" if the stretch is whole."""
    before: AuditRecord | None = None
    for made in sorted(records, key=lambda made: made.id):
        follows = before is None or (made.previous == before.digest and int(made.id) == int(before.id) + 1)
        if made.digest != digest_of(made) or not follows:
            return made.id
        before = made
    return ""
