"""What one stack is told: project, region, mode, images. Read once, checked before anything is created."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pulumi
import pulumi_gcp as gcp
from fluxfloor.errors import Misconfigured
from fluxfloor.runtime.settings import load
from fluxfloor.topology import INTERNAL_PATH, STAGES

from infra import names

MODES = ("paper", "live")
_DIGEST = re.compile(r"[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}")
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Stack:
    """One floor: one project, one region, one mode. `images` are references by digest, one per stage."""

    project: str
    project_number: str
    images: Mapping[str, str]
    region: str = "us-central1"
    mode: str = "paper"
    trade_real_money_in: str = ""
    notify_email: str = ""
    billing_account: str = ""
    budget_usd: int = 50
    static_egress: bool = False
    floor_file: str = ""
    secrets: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        problems = [*self._mode_problems(), *self._image_problems(), *self._secret_problems()]
        if not re.fullmatch(r"[a-z]+-[a-z]+[0-9]", self.region):
            problems.append(f"region {self.region!r} is not a region such as us-central1")
        problems += self._floor_file_problems()
        if problems:
            raise ValueError("; ".join(problems))

    def _mode_problems(self) -> list[str]:
        if self.mode not in MODES:
            return [f"mode {self.mode!r} is none of {', '.join(MODES)}"]
        if self.mode == "paper":
            return ["trade_real_money_in is set, but the mode is paper"] if self.trade_real_money_in else []
        problems = [] if self.notify_email else ["mode live needs notify_email: somebody has to be told"]
        if self.trade_real_money_in != self.project:
            problems.append(f"mode live also needs trade_real_money_in = {self.project}")
        return problems

    def _image_problems(self) -> list[str]:
        wrong = [name for name in STAGES if not _DIGEST.fullmatch(self.images.get(name, ""))]
        return [f"images.{name} must be a reference by digest" for name in wrong]

    def _secret_problems(self) -> list[str]:
        patterns = {pattern for stage in STAGES.values() for pattern in stage.secrets}
        unread = [secret for secret in self.secrets if not any(matches(pattern, secret) for pattern in patterns)]
        return [f"no stage may read secret {secret!r}" for secret in unread]

    def _floor_file_problems(self) -> list[str]:
        """Read as the stages will read it: a mistake is found here and not by ten services that don't start."""
        if not self.floor_file:
            return ["mode live needs floor_file: the default account is paper"] if self.live else []
        told = {"backend": "google", "mode": self.mode, "live_confirmed": self.live}
        try:
            load(HERE / self.floor_file, overrides=told)
        except Misconfigured as problem:
            return [f"floor_file: {problem}"]
        return []

    @property
    def live(self) -> bool:
        return self.mode == "live"

    def database(self, role: str) -> str:
        """What "edge" and "mode" of the topology are called here."""
        return names.checked("database", self.mode if role == "mode" else role)

    def url(self, stage: str) -> str:
        """Where a stage answers; known before it exists, so a stage can be told its own."""
        return f"https://{names.service_host(stage, self.project_number)}.{self.region}.run.app"

    def internal_url(self, stage: str) -> str:
        """Where a stage takes what Pub/Sub, Scheduler and Tasks bring."""
        return self.url(stage) + INTERNAL_PATH

    @property
    def url_pattern(self) -> str:
        return self.url("stage").replace("stage", "{stage}", 1)

    def email(self, account: str) -> str:
        return f"{account}@{self.project}.iam.gserviceaccount.com"

    @property
    def pubsub_agent(self) -> str:
        return f"serviceAccount:service-{self.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"


def matches(pattern: str, secret: str) -> bool:
    """A topology secret is a name, or a prefix ending in "*"."""
    return secret.startswith(pattern[:-1]) if pattern.endswith("*") else secret == pattern


def read() -> Stack:
    """From the stack's configuration. Raises ValueError with everything that is wrong with it."""
    config = pulumi.Config()
    project = pulumi.Config("gcp").require("project")
    return Stack(
        project=project,
        project_number=str(gcp.organizations.get_project(project_id=project).number),
        images=config.require_object("images"),
        region=config.get("region") or "us-central1",
        mode=config.get("mode") or "paper",
        trade_real_money_in=config.get("trade_real_money_in") or "",
        notify_email=config.get("notify_email") or "",
        billing_account=config.get("billing_account") or "",
        budget_usd=config.get_int("budget_usd") or 50,
        static_egress=config.get_bool("static_egress") or False,
        floor_file=config.get("floor_file") or "",
        secrets=tuple(config.get_object("secrets") or ()),
    )
