"""What every Secrets does, on every backend."""

from __future__ import annotations

import logging
import traceback

import pytest
from fluxfloor.errors import Misconfigured

from tests.support.labs import SecretsLab

VALUE = "s3cr3t-Ωmega-value"


def test_a_secret_is_read_by_its_name(secrets_lab: SecretsLab) -> None:
    secrets_lab.write("sender-demo", VALUE)
    secrets_lab.write("venue-kraken", "another")
    assert secrets_lab.secrets.get("sender-demo") == VALUE


def test_a_newline_after_a_secret_is_no_part_of_it(secrets_lab: SecretsLab) -> None:
    secrets_lab.write("sender-demo", VALUE + "\n")
    assert secrets_lab.secrets.get("sender-demo") == VALUE


def test_a_missing_secret_is_named_and_nothing_else_is_told(secrets_lab: SecretsLab) -> None:
    secrets_lab.write("sender-demo", VALUE)
    with pytest.raises(Misconfigured, match="sender-other") as raised:
        secrets_lab.secrets.get("sender-other")
    assert VALUE not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("name", ["", "../sender-demo", "a/b", "a b", "a\n", "a.b"])
def test_a_name_that_could_lead_elsewhere_is_refused(secrets_lab: SecretsLab, name: str) -> None:
    with pytest.raises(Misconfigured):
        secrets_lab.secrets.get(name)


def test_a_secret_is_in_no_repr_and_no_log(secrets_lab: SecretsLab, caplog: pytest.LogCaptureFixture) -> None:
    secrets_lab.write("sender-demo", VALUE)
    with caplog.at_level(logging.DEBUG):
        secrets_lab.secrets.get("sender-demo")
    assert VALUE not in caplog.text
    assert VALUE not in repr(secrets_lab.secrets)
    assert VALUE not in str(secrets_lab.secrets)
