"""Passwords and keys of one profile: made at first start, kept in a file only its owner reads."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from deploy.local.folders import write_private


@dataclass(frozen=True)
class Credentials:
    """One value per lock; every one is safe inside a URL and a configuration file."""

    postgres_password: str
    rabbitmq_password: str
    upstream_password: str
    redis_password: str
    erlang_cookie: str
    master_key: str
    """32 random bytes in base64: encrypts what Tomato stores encrypted."""
    webhook_secret: str
    """`whsec_` and 32 random bytes in base64 (Standard Webhooks, "Secret scheme")."""


def credentials(folder: Path) -> Credentials:
    """The profile's credentials; what is missing (a new kind, a first start) is generated."""
    file = folder / "secrets.json"
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    complete = {**asdict(_generated()), **known}
    if complete != known:
        write_private(file, json.dumps(complete, indent=2))
    return Credentials(**{field.name: complete[field.name] for field in fields(Credentials)})


def _generated() -> Credentials:
    return Credentials(
        postgres_password=secrets.token_urlsafe(24),
        rabbitmq_password=secrets.token_urlsafe(24),
        upstream_password=secrets.token_urlsafe(24),
        redis_password=secrets.token_urlsafe(24),
        erlang_cookie=secrets.token_hex(20),
        master_key=_base64_key(),
        webhook_secret="whsec_" + _base64_key(),
    )


def _base64_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()
