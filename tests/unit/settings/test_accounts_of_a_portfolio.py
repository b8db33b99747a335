"""A portfolio's accounts are its own, in one currency, the first one first."""

from __future__ import annotations

from typing import Any

import pytest
from fluxfloor.errors import Misconfigured
from fluxfloor.runtime.settings import Settings, load
from fluxfloor.webapi import settled

PAPER = {"portfolio": "main"}


def with_accounts(there: dict[str, Any], **portfolio: Any) -> Settings:
    return load(overrides={"accounts": there, "portfolios": {"main": portfolio}})


def test_the_first_of_several_is_the_account_and_all_are_in_the_policy() -> None:
    made = with_accounts({"a": PAPER, "b": PAPER}, accounts=["b", "a"], route="pro_rata")
    assert made.portfolios["main"].account == "b"
    (policy,) = settled.policies(made)
    assert [item.account_id for item in policy.accounts] == ["b", "a"]
    assert (policy.account_id, policy.route) == ("b", "pro_rata")
    (other,) = settled.policies(with_accounts({"a": PAPER, "b": PAPER}, accounts=["b", "a"]))
    assert other.settings_digest != policy.settings_digest


def test_one_account_is_as_it_always_was() -> None:
    (policy,) = settled.policies(Settings())
    (named,) = settled.policies(with_accounts({"paper-main": PAPER}, accounts=["paper-main"]))
    assert policy.accounts == ()
    assert named == policy


@pytest.mark.parametrize(
    ("accounts", "portfolio", "problem"),
    [
        ({"a": PAPER}, {"accounts": ["a", "b"]}, "'b' is not in [accounts]"),
        ({"a": PAPER, "b": PAPER}, {"accounts": ["a", "b"], "account": "b"}, "accounts must begin with account"),
        ({"a": PAPER}, {"accounts": ["a", "a"]}, "names one twice"),
        ({"a": PAPER, "b": {"portfolio": "other"}}, {"accounts": ["a", "b"]}, "accounts.b.portfolio says 'other'"),
        ({"a": PAPER, "b": {**PAPER, "currency": "EUR"}}, {"accounts": ["a", "b"]}, "one currency"),
        ({"a": PAPER, "b": {**PAPER, "venue": "kraken", "sandbox": True}}, {"accounts": ["a", "b"]}, "beside others"),
    ],
)
def test_accounts_that_do_not_go_together_are_told(
    accounts: dict[str, Any], portfolio: dict[str, Any], problem: str
) -> None:
    with pytest.raises(Misconfigured, match=problem.replace("[", r"\[").replace("]", r"\]")):
        with_accounts(accounts, **portfolio)
