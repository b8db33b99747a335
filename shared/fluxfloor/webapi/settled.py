"""Brings Policy and Sender documents in line with the settings, audited. Run at start-up, by the console, on deploy.

The same settings are applied once: a policy that a person changed since stays changed until the settings change too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fluxfloor.contracts.events import RiskRaised, Severity
from fluxfloor.contracts.ids import digest
from fluxfloor.contracts.policy import STANDARD, Policy, PolicyVersion, TradingAccount
from fluxfloor.contracts.state import Sender
from fluxfloor.ports import Query
from fluxfloor.webapi import audit

if TYPE_CHECKING:
    from fluxfloor.runtime.context import Context
    from fluxfloor.runtime.settings import Settings
    from fluxfloor.runtime.work import Work

ACTOR = "settings"


def apply_settings(context: Context) -> list[str]:
    """`context` is one of the api stage. Returns what it changed, as "policy main", "sender tradingview"."""
    changed = [f"policy {wanted.id}" for wanted in policies(context.settings) if _settle_policy(context, wanted)]
    return changed + [f"sender {wanted.id}" for wanted in _senders(context) if _settle_sender(context, wanted)]


def policies(settings: Settings) -> list[Policy]:
    return [_policy(settings, name) for name in settings.portfolios]


def _policy(settings: Settings, name: str) -> Policy:
    portfolio = settings.portfolios[name]
    limits, currency = portfolio.resolved(), settings.accounts[portfolio.account].currency
    versions = portfolio.resolved_versions()
    others = [f"{name} {found.model_dump_json()}" for name, found in versions.items()]
    shared_by, several = portfolio.shared_by(), _several(settings, portfolio.traded)
    return Policy(
        id=name, preset=portfolio.preset, account_id=portfolio.account, currency=currency, limits=limits,
        versions=versions, shadow=portfolio.shadow or None, allocation=shared_by, accounts=several,
        route=portfolio.route,
        settings_digest=digest(
            "policy", portfolio.preset, portfolio.account, currency, limits.model_dump_json(), *others,
            portfolio.shadow, *([shared_by.model_dump_json()] if shared_by else ()),
            *([portfolio.route, *(item.model_dump_json() for item in several)] if several else ()),
        ),
    )  # fmt: skip


def _several(settings: Settings, names: tuple[str, ...]) -> tuple[TradingAccount, ...]:
    """Where there is only one, nothing is to be chosen."""
    if len(names) == 1:
        return ()
    return tuple(TradingAccount(account_id=name, venue=settings.accounts[name].venue) for name in names)


def _as_chosen(wanted: Policy, kept: Policy | None) -> Policy:
    """With the versions that people have put in force and in the shadow, as far as the settings still have them."""
    if kept is None:
        return wanted
    active = kept.active if kept.active in wanted.versions else STANDARD
    shadow = wanted.shadow or (kept.shadow if kept.shadow in wanted.versions else None)
    limits = wanted.versions.get(active, wanted.limits)
    return wanted.model_copy(
        update={"active": active, "limits": limits, "shadow": None if shadow == active else shadow}
    )


def store_policy(work: Work, before: Policy | None, after: Policy) -> Policy:
    """Writes it in place of the one that was read, keeps it among its versions, and returns it as it is stored."""
    version = before.version if before else 0
    if before is not None and after.model_copy(update={"version": version}) == before:
        return before
    made = after.model_copy(update={"version": version + 1})
    key = PolicyVersion.key(PolicyVersion.name(made.id, made.version))
    work.read(key)
    work.write(PolicyVersion(id=key.id, policy=made, ts_event_ms=work.now_ms))
    work.write(made)
    return made


def senders(settings: Settings) -> list[Sender]:
    return [
        Sender(
            id=name, portfolio_id=sender.portfolio, secret_name=sender.secret_name or f"sender-{name}",
            formats=sender.formats, hmac_header=sender.hmac_header, allowed_ips=sender.allowed_ips,
            default_venue=settings.market.exchange, default_strategy=sender.default_strategy,
            default_expected_alpha=sender.default_expected_alpha, max_lag_s=sender.max_lag_s,
            rate_per_minute=sender.rate_per_minute,
        )
        for name, sender in settings.senders.items()
    ]  # fmt: skip


def _senders(context: Context) -> list[Sender]:
    """Those of the settings, and those that left them: they are switched off."""
    wanted = {sender.id: sender for sender in senders(context.settings)}
    query = Query(Sender.collection, limit=1_000, database=Sender.database)
    for found in context.ports.store.query(query):
        kept = Sender.decode(found.data or {})
        wanted.setdefault(kept.id, kept.model_copy(update={"enabled": False}))
    return list(wanted.values())


def _settle_policy(context: Context, wanted: Policy) -> bool:
    kept = context.read(Policy.key(wanted.id))
    if kept is not None and kept.settings_digest == wanted.settings_digest:
        return False

    def write(_: RiskRaised, work: Work) -> None:
        (before,) = work.read(Policy.key(wanted.id))
        made = store_policy(work, before, _as_chosen(wanted, before))
        audit.record(
            work, ACTOR, "policy.set", made.id, preset=made.preset, limits=made.limits.model_dump_json(),
            active=made.active, shadow=made.shadow or "",
            allocation=made.allocation.model_dump_json() if made.allocation else "",
        )  # fmt: skip

    version = kept.version if kept else 0
    cause = _changed("policy", wanted.id, context.now_ms)
    context.step(context.cause(cause, "policy", wanted.id, version, wanted.settings_digest), write)
    return True


def _settle_sender(context: Context, wanted: Sender) -> bool:
    """Two commits, because senders live in the edge database and the audit does not: the record first, so that no
    change is ever without one."""
    kept = context.read(Sender.key(wanted.id))
    if kept is not None and kept.model_copy(update={"version": 0}) == wanted.model_copy(update={"version": 0}):
        return False
    identity = (wanted.id, kept.version if kept else 0, wanted.model_copy(update={"version": 0}).model_dump_json())
    cause = _changed("sender", wanted.id, context.now_ms)

    def note(_: RiskRaised, work: Work) -> None:
        audit.record(work, ACTOR, "sender.set", wanted.id, portfolio=wanted.portfolio_id, enabled=wanted.enabled)

    def write(_: RiskRaised, work: Work) -> None:
        work.read(Sender.key(wanted.id))
        work.write(wanted)

    context.step(context.cause(cause, "sender-note", *identity), note)
    context.step(context.cause(cause, "sender", *identity), write)
    return True


def _changed(what: str, name: str, now_ms: int) -> RiskRaised:
    """What the step is about. It is audited and not raised: settings change when people deploy, and they know."""
    text = f"{what} {name} follows the settings"
    return RiskRaised(kind="settings_changed", scope=name, severity=Severity.INFO, message=text, ts_event_ms=now_ms)
