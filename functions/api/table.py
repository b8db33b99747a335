"""The route table of the floor's API: every address there is, in one place."""

from __future__ import annotations

from functools import cache
from typing import Any

import fluxfloor
from fluxfloor.contracts.capital import PayoutPaid
from fluxfloor.contracts.policy import Policy
from fluxfloor.contracts.results import OrderQuality
from fluxfloor.contracts.simulations import SimulationSpec
from fluxfloor.contracts.weights import Allocation, AllocationStudy, Study, UploadedDays
from fluxfloor.reporting.overview import HaltPanel, Overview
from fluxfloor.reporting.versions import Comparison
from fluxfloor.webapi.openapi import document
from fluxfloor.webapi.paging import Paged
from fluxfloor.webapi.routes import Table

from functions.api import answers as a
from functions.api import money, owed, pages, people, policies, reads, sharing, shown, telegram, trading, writes
from functions.api import money_answers as m
from functions.api import trading_answers as t

ABOUT = (
    "Reads and changes one trading floor. Money and quantities are exact decimals in strings, fractions are of one, "
    "times are UTC milliseconds. Errors are Problem+JSON (RFC 9457) and name field and fix. Every change needs an "
    "Idempotency-Key: the same key with the same body is answered the same again."
)

table = Table()

# --- people ------------------------------------------------------------------------------------------------------

table.write(
    "POST", "/v1/session", "Log in", a.SessionAnswer, body=a.Login, public=True, needs_key=False, problems=(401, 429)
)(people.log_in)
table.get("/v1/session", "Who is logged in", a.SessionAnswer)(people.who)
table.write("DELETE", "/v1/session", "Log out", None, public=True, needs_key=False, status=204)(people.log_out)

# --- reads -------------------------------------------------------------------------------------------------------

table.get("/v1/overview", "Everything the page shows", Overview, query=a.OverviewQuery)(shown.overview)
table.get("/v1/accounts", "The latest state of every account", m.Accounts)(reads.accounts)
table.get("/v1/positions", "Every open position", t.Positions)(reads.positions)
table.get("/v1/decisions", "Decisions, newest first", t.Decisions, query=t.DecisionsQuery)(reads.decisions)
table.get("/v1/decisions/{id}", "One decision with its waterfall", t.DecisionAnswer)(reads.decision)
table.get("/v1/orders", "Orders, last changed first", t.Orders, query=Paged)(reads.orders)
table.get("/v1/equity", "An account's equity, newest first", m.Equity, query=m.AccountQuery)(reads.equity)
table.get("/v1/trades", "An account's closed trades, newest first", m.Trades, query=m.AccountQuery)(reads.trades)
table.get("/v1/pnl", "What was made, by strategy, sender or tag", m.PnlAnswer, query=m.PnlQuery, problems=(404,))(
    money.pnl
)
table.get("/v1/execution-quality", "How orders are carried out", m.QualityAnswer, query=m.QualityQuery)(money.quality)
table.get("/v1/orders/{intent}/quality", "How one order was carried out", OrderQuality)(money.order_quality)
table.get("/v1/risks", "What people should know, newest first", t.Risks, query=Paged)(reads.risks)
table.get("/v1/alerts", "What people were told, newest first", a.Alerts, query=Paged)(reads.alerts)
table.get("/v1/risk/daily", "What is at stake now, and at the end of each day", t.DailyRisks, query=Paged)(
    reads.daily_risks
)
table.get("/v1/paper-period", "The days on paper that live entries wait for", t.PaperPeriod)(reads.paper_period)
table.get("/v1/health", "Every stage along the flow, and whether it keeps up", a.Health)(reads.health)
table.get("/v1/quarantine", "Messages that could not be handled", a.Quarantine, query=a.NewestQuery)(reads.quarantine)
table.get("/v1/why/{id}", "The whole story of a signal, decision, order or trade", a.Why)(reads.why)
table.get("/v1/audit", "Who did what, newest first", a.Audit, query=Paged)(reads.audit_log)
table.get("/v1/policies", "The limits of every portfolio, and the presets", t.Policies)(reads.policies)
table.get("/v1/policies/{portfolio}", "The limits of one portfolio", Policy)(reads.policy)
table.get("/v1/policies/{portfolio}/shadow", "A shadow beside what is in force", Comparison, query=t.ShadowQuery)(
    reads.shadow
)
table.get("/v1/senders", "Who may send signals", a.Senders)(reads.senders)
table.get("/v1/senders/{id}/payouts", "What a sender is due and was paid, newest first", m.Payouts)(owed.payouts)
table.write(
    "POST", "/v1/senders/{id}/payouts/{month}", "Say that a payout was paid", PayoutPaid, body=m.PayoutReference,
    status=201,
)(owed.paid)  # fmt: skip
table.get("/v1/portfolios/{portfolio}/capital", "Whose units a portfolio's capital is", m.Capital)(owed.capital)
table.get(
    "/v1/portfolios/{portfolio}/capital/flows", "Clients' deposits and withdrawals, newest first", m.CapitalFlows,
    query=Paged,
)(owed.flows)  # fmt: skip
table.write(
    "POST", "/v1/portfolios/{portfolio}/capital/flows", "A client brings capital or takes some", m.FlowAsked,
    body=m.FlowRequest, status=202,
)(owed.move)  # fmt: skip
table.get("/v1/topology", "Stages and topics", a.Topology)(reads.topology)
table.get("/v1/openapi.json", "This description", None, public=True)(pages.openapi)

# --- changes -----------------------------------------------------------------------------------------------------

table.get("/v1/halts", "What is halted", t.Halts)(reads.halts)
table.write("POST", "/v1/halts", "The kill switch", HaltPanel, body=t.HaltRequest)(writes.halt)
table.write("POST", "/v1/halts/{scope}/resume", "Resume what was halted", t.Resumed, body=t.ResumeRequest)(
    writes.resume
)
table.write("POST", "/v1/positions/exit", "Leave positions", t.Exiting, body=t.ExitRequest, status=202)(
    trading.exit_positions
)
table.write("POST", "/v1/orders/{intent}/cancel", "Take an order back", t.ChangeAsked, body=t.OrderReason, status=202)(
    trading.cancel
)
table.write("POST", "/v1/orders/{intent}/amend", "Change an order", t.ChangeAsked, body=t.AmendRequest, status=202)(
    trading.amend
)
table.write("POST", "/v1/orders/{intent}/look", "Ask the venue now", t.ChangeAsked, body=t.OrderReason, status=202)(
    trading.look
)
table.write("POST", "/v1/alerts/{id}/ack", "Acknowledge an alarm", a.Alarm, body=a.AckRequest)(writes.acknowledge)
table.write("POST", "/v1/quarantine/{id}/release", "Let the stage take it again", a.Released, status=202)(
    writes.release
)
table.write("PUT", "/v1/policies/{portfolio}", "Set a portfolio's limits", Policy, body=t.PolicyChange)(
    policies.set_limits
)
table.write("PUT", "/v1/policies/{portfolio}/active", "Put a version in force", Policy, body=t.VersionChoice)(
    policies.promote
)
table.write(
    "PUT", "/v1/policies/{portfolio}/shadow", "Let a version decide beside it, or none", Policy, body=t.ShadowChoice
)(policies.shadow)
table.get("/v1/accounts/{id}/adjustments", "Differences with the venue, newest first", m.Adjustments, query=Paged)(
    money.adjustments
)
table.write(
    "POST", "/v1/accounts/{id}/adjustments", "Agree to a difference", m.AdjustmentAgreed, body=m.AdjustmentChoice,
    status=202,
)(money.agree)  # fmt: skip
table.get("/v1/exports", "Exports, newest first", a.Exports, query=Paged)(reads.exports)
table.write("POST", "/v1/exports", "Ask for an export", a.Requested, body=a.ExportRequest, status=202)(
    writes.request_export
)
table.get("/v1/exports/{id}", "One export", a.Export)(reads.export)
table.get("/v1/exports/{id}/files/{format}", "Leads to the file", None, status=303)(pages.export_file)

table.get("/v1/simulations", "Simulations, newest first", a.Simulations, query=Paged)(reads.simulations)
table.write("POST", "/v1/simulations", "Ask for a simulation", a.SimulationAsked, body=SimulationSpec, status=202)(
    writes.request_simulation
)
table.get("/v1/simulations/{id}", "One simulation", a.Simulation)(reads.simulation)
table.get("/v1/simulations/{id}/files/{file}", "Leads to the file", None, status=303)(pages.simulation_file)

table.get("/v1/allocations/{portfolio}", "The weights in force", Allocation)(sharing.allocation)
table.get("/v1/allocations/{portfolio}/versions", "All there were, newest first", m.AllocationVersions, query=Paged)(
    sharing.versions
)
table.write("POST", "/v1/allocations/{portfolio}", "Share the equity again now", m.AllocationAsked, status=202)(
    sharing.share
)
table.write(
    "POST", "/v1/allocations/{portfolio}/studies", "Ask what would be if", m.AllocationAsked, body=Study, status=202
)(sharing.study)
table.get("/v1/allocation-studies/{id}", "A study and its answer", AllocationStudy)(sharing.studied)
table.get("/v1/strategies/{portfolio}", "What each strategy made from day to day", m.StrategyHistories)(
    sharing.strategies
)
table.write(
    "PUT", "/v1/strategies/{portfolio}/{strategy}/days", "Upload a strategy's days", m.HistoryTaken,
    body=UploadedDays, status=202,
)(sharing.upload)  # fmt: skip

# --- what is not the API -----------------------------------------------------------------------------------------

table.get("/", "The page", None, public=True)(pages.page)
table.get("/assets/{name}", "What the page needs", None, public=True)(pages.asset)
table.write("POST", "/telegram", "A command from a chat", None, public=True, needs_key=False, raw=True)(
    telegram.webhook
)
table.get("/login", "Log in by a ticket", None, query=a.TicketQuery, public=True)(people.log_in_by_ticket)
table.get("/files/*", "A file under a signed link", None, query=a.FileQuery, public=True)(pages.blob)


@cache
def described() -> dict[str, Any]:
    return document(table, "Fluxfloor", fluxfloor.__version__, ABOUT)
