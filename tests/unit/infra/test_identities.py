"""Who may do what. The expected grants are worked out here from the topology alone, and there may be no other."""

from __future__ import annotations

from fluxfloor.topology import STAGES

PROJECT, NUMBER = "my-floor", "123456789012"
AGENT = f"serviceAccount:service-{NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com"
TARGETS = {
    "TopicIAMMember": "topic", "SubscriptionIAMMember": "subscription", "BucketIAMMember": "bucket",
    "QueueIamMember": "name", "ServiceIamMember": "name", "SecretIamMember": "secretId",
}  # fmt: skip


def email(account):
    return f"{account}@{PROJECT}.iam.gserviceaccount.com"


def runs(stage):
    return f"serviceAccount:{email(f'stage-{stage}')}"


def calls(stage):
    return f"serviceAccount:{email(f'call-{stage}')}"


def target(grant):
    """What a grant is on: a resource's name, or the project."""
    for kind, field in TARGETS.items():
        if grant.kind.endswith(f":{kind}"):
            return f"{field.replace('Id', '')} {grant[field]}"
    if "serviceAccountId" in grant.inputs:
        return "account " + grant["serviceAccountId"].rsplit("/", 1)[1].split("@")[0]
    return "project"


def grants(floor):
    """(who, role, on what, under which condition), each as often as it was declared."""
    found = [each for each in floor.resources if each.kind.lower().endswith("iammember")]
    return [
        (grant["member"], grant["role"], target(grant), grant.get("condition", {}).get("expression", ""))
        for grant in found
    ]


def expected(stage, mode):
    me = runs(stage.name)
    yield me, "roles/cloudtrace.agent", "project", ""
    for topic in stage.produces:
        yield me, "roles/pubsub.publisher", f"topic {topic}", ""
    for role in stage.databases:
        name = mode if role == "mode" else role
        yield me, "roles/datastore.user", "project", f'resource.name == "projects/{PROJECT}/databases/{name}"'
    for secret in stage.secrets:
        name = f"projects/{NUMBER}/secrets/{secret.removesuffix('*')}"
        exactly = f'resource.name == "{name}" || resource.name.startsWith("{name}/")'
        condition = f'resource.name.startsWith("{name}")' if secret.endswith("*") else exactly
        yield me, "roles/secretmanager.secretAccessor", "project", condition
        yield me, "roles/secretmanager.viewer", "project", condition
    for prefix in (*stage.blobs_read, *stage.blobs_written):
        role = "roles/storage.objectUser" if prefix in stage.blobs_written else "roles/storage.objectViewer"
        condition = (
            f'resource.name.startsWith("projects/_/buckets/{PROJECT}-fluxfloor/objects/{prefix}") || '
            f'api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("{prefix}")'
        )
        yield me, role, f"bucket {PROJECT}-fluxfloor", condition
    if stage.signs_links:
        yield me, "roles/iam.serviceAccountTokenCreator", f"account stage-{stage.name}", ""
    if stage.uses_timers:
        yield me, "roles/cloudtasks.enqueuer", f"name timers-{stage.name}", ""
        yield me, "roles/iam.serviceAccountUser", f"account call-{stage.name}", ""


def test_each_stage_may_do_what_the_topology_says_and_nothing_more(paper):
    for stage in STAGES.values():
        found = [grant for grant in grants(paper) if grant[0] == runs(stage.name)]
        assert sorted(found) == sorted(expected(stage, "paper")), stage.name


def test_a_live_stage_may_open_the_live_database_and_not_the_paper_one(live):
    for stage in STAGES.values():
        found = [grant for grant in grants(live) if grant[0] == runs(stage.name)]
        settings = (runs(stage.name), "roles/secretmanager.secretAccessor", "secret floor-settings", "")
        assert sorted(found) == sorted([*expected(stage, "live"), settings]), stage.name
    assert not [grant for grant in grants(live) if "databases/paper" in grant[3]]


def test_a_caller_may_invoke_its_own_stage_and_nothing_else(either):
    for stage in STAGES.values():
        found = [grant for grant in grants(either) if grant[0] == calls(stage.name)]
        assert found == [(calls(stage.name), "roles/run.invoker", f"name {stage.name}", "")]


def test_nothing_but_ingestion_and_api_is_public(either):
    open_to_all = [grant for grant in grants(either) if grant[0] in ("allUsers", "allAuthenticatedUsers")]
    assert sorted(open_to_all) == [
        ("allUsers", "roles/run.invoker", "name api", ""), ("allUsers", "roles/run.invoker", "name ingestion", ""),
    ]  # fmt: skip
    assert either.one("blobs")["publicAccessPrevention"] == "enforced"


def test_pubsub_may_speak_as_the_callers_of_stages_that_consume(either):
    spoken = {grant[2] for grant in grants(either) if grant[:2] == (AGENT, "roles/iam.serviceAccountTokenCreator")}
    assert spoken == {f"account call-{stage.name}" for stage in STAGES.values() if stage.consumes}


def test_nobody_outside_the_floor_is_granted_anything(either):
    known = {AGENT, "allUsers", *(runs(name) for name in STAGES), *(calls(name) for name in STAGES)}
    assert {grant[0] for grant in grants(either)} == known


def test_no_grant_is_as_wide_as_a_basic_role_or_an_administrator(either):
    for _, role, _, _ in grants(either):
        assert role not in ("roles/owner", "roles/editor", "roles/viewer")
        assert "admin" not in role.lower()


def test_each_service_runs_as_its_own_account(either):
    for stage in STAGES:
        assert either.one(f"service-{stage}")["template"]["serviceAccount"] == email(f"stage-{stage}")
    assert len(either.of("Account")) == 2 * len(STAGES)


def test_a_prefix_that_covers_another_stage_s_secrets_is_a_known_one(paper):
    """venue-* also reads the query keys; it is the stage with the stronger keys that sees the weaker ones. The bot's
    token is for both who tell people and who hears their commands."""
    prefixes = {(name, secret.rstrip("*")) for name, stage in STAGES.items() for secret in stage.secrets}
    covered = {(a, b) for a, wide in prefixes for b, narrow in prefixes if a != b and narrow.startswith(wide)}
    assert covered == {("execution", "reconciliation"), ("alerts", "api")}
