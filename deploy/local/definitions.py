"""RabbitMQ's users and what each may do, as a definitions file.

`upstream` is for systems outside Tomato: it may publish to the exchange `tomato.upstream` and do
nothing else. Answers reach it through direct reply-to, which needs no permission.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os

from deploy.local.credentials import Credentials

VIRTUAL_HOST = "/"
EVERYTHING, NOTHING = ".*", "^$"


def definitions(credentials: Credentials) -> str:
    """The file's text; it holds salted hashes, never a password."""
    return json.dumps(
        {
            "vhosts": [{"name": VIRTUAL_HOST}],
            "users": [
                _user("tomato", credentials.rabbitmq_password, tags="administrator"),
                _user("upstream", credentials.upstream_password, tags=""),
            ],
            "permissions": [
                _permission("tomato", configure=EVERYTHING, write=EVERYTHING, read=EVERYTHING),
                _permission(
                    "upstream", configure=NOTHING, write=r"^tomato\.upstream$", read=NOTHING
                ),
            ],
        },
        indent=2,
    )


def _user(name: str, password: str, *, tags: str) -> dict[str, str]:
    return {
        "name": name,
        "password_hash": _password_hash(password),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": tags,
    }


def _permission(user: str, *, configure: str, write: str, read: str) -> dict[str, str]:
    return {
        "user": user,
        "vhost": VIRTUAL_HOST,
        "configure": configure,
        "write": write,
        "read": read,
    }


def _password_hash(password: str) -> str:
    """Salt, then SHA-256 of salt and password, in base64 (RabbitMQ docs, "Credentials")."""
    salt = os.urandom(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
