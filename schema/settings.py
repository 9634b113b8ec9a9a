"""What an installation can set: one value object, read once in `runner.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from schema.reach import Reach

SHARDS_MAX = 64
"""Each shard has a queue and a lease; one writer alone keeps up with a large country."""

LANE_IDLE_CLOSE_S_MIN = 60
"""Longer than any call: what a former owner of a lane has in hand can't be seen."""


class MissingSetting(ValueError):
    """A required TOMATO_ variable is not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Read from `TOMATO_<NAME>` variables. A value without a default is required."""

    postgres_url: str
    rabbitmq_url: str
    redis_url: str
    master_key: str
    """32 bytes in base64; seals the secrets at rest."""

    http_host: str = "127.0.0.1"
    http_port: int = 7070
    public_url: str = "http://127.0.0.1:7070"
    """Where channels and merchants reach our doors from outside."""
    trust_proxy: bool = False
    """Take the client's address from X-Forwarded-For: only behind a proxy of one's own."""

    answer_wait_ms: int = 3_000
    """How long POST /v1/payments waits for the channel before it answers 202."""
    body_bytes_max: int = 64 * 1024
    linger_ms: int = 25
    """How long the first message of a batch waits for company when messages come fast."""
    batch_max: int = 256
    prefetch: int = 64
    pool_size: int = 4
    ledger_shards: int = 1
    """Into how many shards accounting divides its work; each has one writer at a time."""
    ledger_anchor_url: str = ".local/ledger-anchors"
    """Where heads of the books' hash chain are kept outside the database: a folder, `s3://` …"""
    lane_queue_type: str = "classic"
    """Of new lanes: classic on one node, quorum in a cluster."""
    lane_idle_close_s: int = 3_600
    """A lane that was idle for so long goes until its next message; at least a minute."""
    log_level: str = "INFO"
    otlp_endpoint: str = ""
    """Where OpenTelemetry spans go (OTLP over HTTP); empty: nowhere."""

    webhook_ports: str = "80,443,8080,8443"
    """Where merchants' servers may listen."""
    webhook_private_networks: str = ""
    """Networks (CIDR, separated by commas) that webhooks may go to although they are not public."""
    webhook_plain_http: bool = False
    """Let webhooks go out in plain HTTP, for everybody on the way to read."""

    def __post_init__(self) -> None:
        if self.lane_queue_type not in ("classic", "quorum"):
            raise ValueError("TOMATO_LANE_QUEUE_TYPE: classic or quorum is needed")
        if self.lane_idle_close_s < LANE_IDLE_CLOSE_S_MIN:
            raise ValueError(f"TOMATO_LANE_IDLE_CLOSE_S: at least {LANE_IDLE_CLOSE_S_MIN} s")
        if not 1 <= self.ledger_shards <= SHARDS_MAX:
            raise ValueError(f"TOMATO_LEDGER_SHARDS: 1 to {SHARDS_MAX}, not {self.ledger_shards}")

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Settings from an environment. MissingSetting or ValueError names the variable."""
        values: dict[str, Any] = {}
        for field in fields(cls):
            name = f"TOMATO_{field.name.upper()}"
            text = environment.get(name, "")
            if text:
                values[field.name] = _typed(name, text, str(field.type))
        missing = [f"TOMATO_{f.name.upper()}" for f in fields(cls)[:4] if f.name not in values]
        if missing:
            raise MissingSetting(f"not set: {', '.join(missing)} (see docs/settings.md)")
        return cls(**values)

    def reach(self) -> Reach:
        """Where webhooks may go. Raises ValueError for a list that can't be read."""
        return Reach.of(
            ports=self.webhook_ports,
            private_networks=self.webhook_private_networks,
            plain_http=self.webhook_plain_http,
            public_url=self.public_url,
        )

    def with_prefetch(self, prefetch: int) -> Settings:
        """The same with another number of deliveries in hand per queue."""
        return replace(self, prefetch=prefetch)


def _typed(name: str, text: str, kind: str) -> str | int | bool:
    if kind == "int":
        if not text.isdecimal():
            raise ValueError(f"{name}: a whole number is needed, not {text!r}")
        return int(text)
    if kind == "bool":
        if text.lower() not in ("0", "1", "true", "false"):
            raise ValueError(f"{name}: true or false is needed, not {text!r}")
        return text.lower() in ("1", "true")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """What the channel simulator needs; it runs without any of the platform's services."""

    host: str
    """Loopback unless said otherwise: whoever reaches it can pay any order with nobody's money."""
    port: int
    file: str
    """Where its accounts and their keys are kept."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> SimulatorSettings:
        """Settings from TOMATO_SIMULATOR_HOST, TOMATO_SIMULATOR_PORT and TOMATO_SIMULATOR_FILE."""
        port = environment.get("TOMATO_SIMULATOR_PORT") or "7071"
        return cls(
            host=environment.get("TOMATO_SIMULATOR_HOST") or "127.0.0.1",
            port=int(_typed("TOMATO_SIMULATOR_PORT", port, "int")),
            file=environment.get("TOMATO_SIMULATOR_FILE") or ".local/simulator.json",
        )
