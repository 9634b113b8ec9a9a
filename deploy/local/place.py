"""What belongs to one profile: its folder, ports and credentials, and the addresses they make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.local.credentials import Credentials, credentials
from deploy.local.folders import profile_folder
from deploy.local.ports import Ports

SERVICE_NAMES = ("postgres", "rabbitmq", "redis")


@dataclass(frozen=True)
class Addresses:
    """Where the services answer. They hold passwords: print them only when asked to."""

    postgres_url: str
    rabbitmq_url: str
    redis_url: str
    upstream_url: str
    """As the AMQP user of outside systems, who may only publish to `tomato.upstream`."""


@dataclass(frozen=True)
class Place:
    """One profile on this machine."""

    profile: str
    folder: Path
    ports: Ports
    credentials: Credentials

    @classmethod
    def of(cls, profile: str) -> Place:
        folder = profile_folder(profile)
        return cls(profile, folder, Ports(folder), credentials(folder))

    def addresses(self) -> Addresses:
        """The addresses of the services that we run for the profile."""
        key, host = self.credentials, "127.0.0.1"
        postgres, rabbitmq, redis = (f"{host}:{self.ports.get(name)}" for name in SERVICE_NAMES)
        return Addresses(
            postgres_url=f"postgresql://tomato:{key.postgres_password}@{postgres}/tomato",
            rabbitmq_url=f"amqp://tomato:{key.rabbitmq_password}@{rabbitmq}/",
            redis_url=f"redis://:{key.redis_password}@{redis}/0",
            upstream_url=f"amqp://upstream:{key.upstream_password}@{rabbitmq}/",
        )
