"""Reference data: read once a minute, by everybody, and never where a decision would have to be sure of it."""

from __future__ import annotations

from fluxfloor.contracts.events import AccountUpdated
from fluxfloor.contracts.policy import PRESETS, Policy
from fluxfloor.runtime.references import SLOW_TTL_MS, TTL_MS
from fluxfloor.runtime.runner import Runner
from fluxfloor.runtime.work import Work

from tests.support.runtime_lab import Lab, heard, said

KEY = Policy.key("main")


def policy(preset: str) -> Policy:
    return Policy(id="main", preset=preset, account_id="paper-main", currency="USDT", limits=PRESETS[preset])


def preset(lab: Lab) -> str | None:
    found = lab.context.reference(KEY)
    return found.preset if found else None


def test_a_reference_is_read_once_a_minute(lab: Lab) -> None:
    lab.put(policy("kraken-mvp"))
    assert preset(lab) == "kraken-mvp"
    lab.put(policy("fluxhero"))
    lab.later(TTL_MS - 1)
    assert preset(lab) == "kraken-mvp"
    assert lab.store.reading.calls == 1
    lab.later(1)
    assert preset(lab) == "fluxhero"
    assert lab.store.reading.calls == 2


def test_what_is_not_there_is_asked_for_again_at_once(lab: Lab) -> None:
    assert preset(lab) is None
    lab.put(policy("fluxhero"))
    assert preset(lab) == "fluxhero"


def test_a_new_process_remembers_nothing(lab: Lab) -> None:
    lab.put(policy("kraken-mvp"))
    preset(lab)
    lab.put(policy("fluxhero"))
    lab.runner = Runner(lab.stage, lab.ports)
    assert preset(lab) == "fluxhero"


def test_a_reference_is_not_verified_by_the_commit(lab: Lab) -> None:
    def decide(_: object, work: Work) -> None:
        found = work.reference(KEY)
        work.emit(said(found.preset if found else "none"))

    lab.put(policy("kraken-mvp"))
    lab.stage.on(AccountUpdated)(decide)
    lab.store.committing.before = [lambda: lab.put(policy("fluxhero"))]
    lab.handle(heard())
    assert lab.store.committing.calls == 1


def many(lab: Lab) -> list[str | None]:
    found = lab.runner.references.many([Policy.key("main"), Policy.key("other")])
    return [item.preset if item else None for item in found]


def test_several_references_are_one_round_and_a_miss_among_them_is_remembered(lab: Lab) -> None:
    lab.put(policy("kraken-mvp"))
    assert many(lab) == ["kraken-mvp", None]
    lab.later(SLOW_TTL_MS - 1)
    assert many(lab) == ["kraken-mvp", None]
    assert lab.store.reading.calls == 1


def test_a_reference_that_kept_its_version_stays_the_same_object(lab: Lab) -> None:
    lab.put(policy("kraken-mvp"))
    (before,) = lab.runner.references.many([KEY])
    lab.later(SLOW_TTL_MS)
    (after,) = lab.runner.references.many([KEY])
    assert after is before
    lab.put(policy("fluxhero"))
    lab.later(SLOW_TTL_MS)
    assert lab.runner.references.many([KEY])[0].preset == "fluxhero"
