"""What people set of a portfolio's policy: its limits, which version of them is in force, and which one shadows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.policy import PRESETS, Limits, Policy
from fluxfloor.webapi import audit, changes
from fluxfloor.webapi.http import Reply
from fluxfloor.webapi.problems import invalid, refusal
from fluxfloor.webapi.routes import Asked, Nothing
from fluxfloor.webapi.settled import store_policy
from pydantic import ValidationError

from functions.api import trading_answers
from functions.api.writes import done

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.work import Work

Change = Callable[[Policy], Policy]


def set_limits(context: Context, asked: Asked[Nothing, trading_answers.PolicyChange]) -> Reply:
    """Replaces the limits in force. Account and currency stay: those are for the settings to say."""
    limits = _limits(asked.body)

    def change(kept: Policy) -> Policy:
        versions = {**kept.versions, kept.active: limits} if kept.versions else {}
        return kept.model_copy(update={"preset": asked.body.preset, "limits": limits, "versions": versions})

    text, details = "changed the limits of", {"preset": asked.body.preset}
    return _changed(context, asked, asked.body.version, change, "policy.changed", text, details)


def promote(context: Context, asked: Asked[Nothing, trading_answers.VersionChoice]) -> Reply:
    """Puts a version's limits in force; going back is the same with the other name. One that shadowed has come to
    where it wanted."""
    name = asked.body.name

    def change(kept: Policy) -> Policy:
        limits = _known(kept, name)
        shadow = None if kept.shadow == name else kept.shadow
        return kept.model_copy(update={"active": name, "limits": limits, "shadow": shadow})

    text = f"put version {name} in force for"
    return _changed(context, asked, asked.body.version, change, "version.promoted", text, {"active": name})


def shadow(context: Context, asked: Asked[Nothing, trading_answers.ShadowChoice]) -> Reply:
    """Lets a version decide beside the one in force, or none."""
    name = asked.body.name

    def change(kept: Policy) -> Policy:
        if name is not None:
            _known(kept, name)
        if name == kept.active:
            raise refusal(422, f"{name} is in force already", "name", "send another version, or null for none")
        return kept.model_copy(update={"shadow": name})

    text = f"lets version {name} shadow" if name else "ended the shadow of"
    return _changed(context, asked, asked.body.version, change, "version.shadowed", text, {"shadow": name or ""})


def _changed(
    context: Context, asked: Asked[Nothing, Any], seen: int, change: Change, action: str, text: str,
    details: dict[str, str],
) -> Reply:  # fmt: skip
    """One change of a policy by someone who has seen its latest version."""
    portfolio, actor = asked.path["portfolio"], asked.actor
    raised = RiskRaised(
        kind="policy_changed", scope=portfolio, severity=Severity.INFO, ts_event_ms=context.now_ms,
        message=f"{actor} {text} {portfolio}", details={"by": actor, **details},
    )  # fmt: skip

    def decide(work: Work) -> Policy:
        (kept,) = work.read(Policy.key(portfolio))
        if kept is None:
            raise refusal(404, "no portfolio has this name", "path.portfolio", "take one from /v1/policies")
        if kept.version != seen:
            fix = f"read it again: it is at version {kept.version}"
            raise refusal(409, "the policy has changed since", "version", fix)
        changed = store_policy(work, kept, change(kept))
        work.emit(raised)
        audit.record(work, actor, action, portfolio, **_differences(kept, changed))
        return changed

    return done(context, changes.commit(context, asked, raised, decide))


def _known(kept: Policy, name: str) -> Limits:
    versions = kept.versions or {kept.active: kept.limits}
    if name not in versions:
        raise refusal(422, "there is no such version", "name", f"send one of {', '.join(versions)}")
    return versions[name]


def _limits(change: trading_answers.PolicyChange) -> Limits:
    if change.preset not in PRESETS:
        raise refusal(422, "there is no such preset", "preset", f"send one of {', '.join(PRESETS)}")
    overrides = change.limits.model_dump(exclude_unset=True)
    try:
        return Limits.model_validate({**PRESETS[change.preset].model_dump(), **overrides})
    except ValidationError as problem:
        raise invalid(problem, "limits", tuple(Limits.model_fields)) from None


def _differences(before: Policy, after: Policy) -> dict[str, str]:
    old, new = (
        {"preset": policy.preset, "active": policy.active, "shadow": policy.shadow, **_plain(policy.limits)}
        for policy in (before, after)
    )
    return {name: f"{old[name]} → {new[name]}" for name in new if old[name] != new[name]}


def _plain(limits: Limits) -> dict[str, object]:
    return limits.model_dump(mode="json")
