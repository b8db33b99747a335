"""What mocks let through and the cloud refuses: names twice, names too long, words that are no choice, plain dicts."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
from fluxfloor import topology
from fluxfloor.topology import Schedule, StageSpec, Subscription

import infra
from infra import checks, names

FOLDER = Path(infra.__file__).parent
NAMED = {
    "gcp:pubsub/topic:Topic": ("topic", "name"),
    "gcp:pubsub/subscription:Subscription": ("subscription", "name"),
    "gcp:serviceaccount/account:Account": ("account", "accountId"),
    "gcp:cloudrunv2/service:Service": ("service", "name"),
    "gcp:cloudscheduler/job:Job": ("job", "name"),
    "gcp:cloudtasks/queue:Queue": ("queue", "name"),
    "gcp:secretmanager/secret:Secret": ("secret", "secretId"),
    "gcp:storage/bucket:Bucket": ("bucket", "name"),
    "gcp:firestore/database:Database": ("database", "name"),
    "gcp:logging/metric:Metric": ("metric", "name"),
    "gcp:compute/network:Network": ("network", "name"),
    "gcp:compute/subnetwork:Subnetwork": ("network", "name"),
    "gcp:compute/router:Router": ("network", "name"),
    "gcp:compute/routerNat:RouterNat": ("network", "name"),
    "gcp:compute/address:Address": ("network", "name"),
}
CHOICES = {
    "ingress": {"INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY"},
    "executionEnvironment": {"EXECUTION_ENVIRONMENT_GEN1", "EXECUTION_ENVIRONMENT_GEN2"},
    "egress": {"ALL_TRAFFIC", "PRIVATE_RANGES_ONLY"},
    "httpMethod": {"POST"},
    "natIpAllocateOption": {"AUTO_ONLY", "MANUAL_ONLY"},
    "sourceSubnetworkIpRangesToNat": {"LIST_OF_SUBNETWORKS"},
    "addressType": {"EXTERNAL", "INTERNAL"},
    "comparison": {"COMPARISON_GT", "COMPARISON_LT"},
    "combiner": {"AND", "OR", "AND_WITH_MATCHING_RESOURCE"},
    "severity": {"CRITICAL", "ERROR", "WARNING"},
    "evaluationMissingData": {"EVALUATION_MISSING_DATA_ACTIVE", "EVALUATION_MISSING_DATA_INACTIVE"},
    "perSeriesAligner": {"ALIGN_MAX", "ALIGN_DELTA"},
    "crossSeriesReducer": {"REDUCE_SUM", "REDUCE_MAX"},
    "metricKind": {"DELTA"},
    "valueType": {"INT64"},
    "order": {"ASCENDING", "DESCENDING"},
    "arrayConfig": {"CONTAINS"},
    "queryScope": {"COLLECTION"},
    "type": {
        "FIRESTORE_NATIVE", "email", "Delete", "SetStorageClass", "AbortIncompleteMultipartUpload",
    },
    "concurrencyMode": {"OPTIMISTIC"},
    "deleteProtectionState": {"DELETE_PROTECTION_ENABLED"},
    "deletionPolicy": {"ABANDON"},
    "pointInTimeRecoveryEnablement": {"POINT_IN_TIME_RECOVERY_ENABLED", "POINT_IN_TIME_RECOVERY_DISABLED"},
    "storageClass": {"STANDARD", "NEARLINE", "COLDLINE"},
    "publicAccessPrevention": {"enforced"},
    "withState": {"ARCHIVED", "LIVE"},
    "spendBasis": {"CURRENT_SPEND", "FORECASTED_SPEND"},
}  # fmt: skip
WORD = r"[A-Z]+(_[A-Z0-9]+)+"  # looks like one of Google's choices
REAL_MAPS = {"labels", "limits", "headers"}  # maps from any name to any value: no Args class could know their keys


def leaves(value, field=""):
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, field)
    else:
        yield field, value


def test_no_resource_is_declared_twice(either):
    twice = [key for key, count in Counter((each.kind, each.name) for each in either.resources).items() if count > 1]
    assert twice == []


def test_no_two_resources_have_the_same_name_in_the_cloud(either):
    found = Counter(
        (each.kind, each[NAMED[each.kind][1]], each.get("database")) for each in either.resources if each.kind in NAMED
    )
    assert [key for key, count in found.items() if count > 1] == []


def test_every_name_is_one_that_the_cloud_takes(either):
    for each in either.resources:
        if each.kind in NAMED:
            kind, field = NAMED[each.kind]
            assert not names.RULES[kind].broken_by(each[field]), (kind, each[field])
        elif "name" in each.inputs and "/iam" not in each.kind.lower() and "iammember" not in each.kind.lower():
            pytest.fail(f"{each.kind} has a name that no rule looks at")


def test_every_choice_is_one_that_the_cloud_offers(either):
    for each in either.resources:
        for field, value in leaves(each.inputs):
            if field in CHOICES:
                assert value in CHOICES[field], (each.name, field, value)
            elif isinstance(value, str) and re.fullmatch(WORD, value) and field not in ("name", "value"):
                assert field == "sourceIpRangesToNats", f"{each.name}: {field} = {value} is checked by nobody"


def test_every_duration_is_seconds(either):
    fields = {"messageRetentionDuration", "attemptDeadline", "minimumBackoff", "maximumBackoff", "minBackoff",
              "maxBackoff", "timeout", "duration", "alignmentPeriod", "period", "autoClose", "minBackoffDuration",
              "maxBackoffDuration"}  # fmt: skip
    seen = [(field, value) for each in either.resources for field, value in leaves(each.inputs) if field in fields]
    assert seen
    assert [item for item in seen if not re.fullmatch(r"[0-9]+s", item[1])] == []


def test_alignment_periods_are_what_monitoring_takes(either):
    found = [value for each in either.resources for field, value in leaves(each.inputs) if field == "alignmentPeriod"]
    assert found
    assert all(60 <= int(value[:-1]) <= 90_000 and int(value[:-1]) % 60 == 0 for value in found)


def test_no_resource_is_given_a_plain_dict_whose_keys_nobody_checks():
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and "gcp." in ast.unparse(node.func):
                for keyword in node.keywords:
                    if keyword.arg not in REAL_MAPS:
                        inner = [part for part in ast.walk(keyword.value) if isinstance(part, ast.Dict)]
                        assert not [part for part in inner if not _under_real_map(keyword.value, part)], (
                            f"{path.name}:{keyword.value.lineno} {keyword.arg}"
                        )


def _under_real_map(root, wanted):
    return any(
        part is wanted
        for node in ast.walk(root)
        if isinstance(node, ast.keyword) and node.arg in REAL_MAPS
        for part in ast.walk(node.value)
    )


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("account", "short"), ("account", "stage-" + "x" * 25), ("account", "Stage-market"),
        ("account", "stage-market-"),
        ("bucket", "google-floor"), ("bucket", "my-google-floor"), ("topic", "goog.things"), ("topic", "a b"),
        ("service", "x" * 50), ("service", "with_underscore"), ("queue", "with_underscore"), ("database", "abc"),
        ("secret", "a/b"), ("job", ""),
    ],
)  # fmt: skip
def test_a_name_that_the_cloud_refuses_is_refused_before_it(kind, text):
    with pytest.raises(ValueError, match=f"can't name a {kind}"):
        names.checked(kind, text)


def test_the_topology_as_it_stands_can_be_deployed():
    assert checks.problems() == []


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("* * * *", "five fields"), ("61 * * * *", "out of bounds"), ("*/0 * * * *", "out of bounds"),
        ("a * * * *", "not readable"), ("5-1 * * * *", "out of bounds"), ("0 0 1 * *", "no fixed interval"),
        ("0 24 * * *", "out of bounds"),
    ],
)  # fmt: skip
def test_a_cron_that_is_none_is_told_with_its_reason(expression, reason):
    with pytest.raises(ValueError, match=reason):
        checks.cron_minutes(expression)


@pytest.mark.parametrize(
    ("expression", "fires"),
    [
        ("0 0 * * *", [0]), ("*/30 */12 * * *", [0, 30, 720, 750]), ("15,45 3 * * *", [195, 225]),
        ("0-10/5 0 * * *", [0, 5, 10]),
    ],
)  # fmt: skip
def test_a_cron_is_read_as_cron_does(expression, fires):
    assert checks.cron_minutes(expression) == fires


def with_stage(monkeypatch, **changes):
    spec = StageSpec("odd", "does odd things", **{"image": "edge", **changes})
    monkeypatch.setitem(topology.STAGES, "odd", spec)
    return checks.problems()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schedules": (Schedule("often", 45, ""),)}, "odd/often: '*/45 * * * *' runs every"),
        ({"schedules": (Schedule("rare", 90, ""),)}, "not every 90"),
        ({"consumes": (Subscription("signals.received", ack_deadline_s=5),)}, "ack deadline"),
        ({"consumes": (Subscription("signals.received", max_attempts=3),)}, "delivery attempts"),
        ({"consumes": (Subscription("signals.received", min_backoff_s=90),)}, "back-off"),
        ({"consumes": (Subscription("no.such"),)}, "no topic 'no.such'"),
        ({"produces": ("signals.received", "signals.received")}, "named twice"),
        ({"cpu": 0.5, "concurrency": 8}, "whole CPU"),
        ({"memory_mb": 8192}, "more than 1 CPUs"),
        ({"image": "core", "memory_mb": 256}, "starts at 512 MB"),
        ({"timeout_s": 0}, "out of bounds"),
    ],
)
def test_a_stage_that_can_t_be_deployed_is_told_before_anything_is_created(monkeypatch, changes, told):
    assert any(told in problem for problem in with_stage(monkeypatch, **changes))
