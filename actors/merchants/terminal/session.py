"""What every command shares: a connection while it runs, and what of a profile is printed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
import typer

from bus.database import Pool, connect
from bus.terminal import refuse
from bus.vault import Vault
from schema.payments import Refusal
from schema.settings import Settings

T = TypeVar("T")

Fen = typer.Option(metavar="FEN", help="Of a single payment, both ends included.")

SEALED = frozenset({"hmac_secret", "webhook_secret", "account"})


def run(context: typer.Context, work: Callable[[Pool, Vault], Awaitable[T | Refusal]]) -> T:
    """What the work gives. A refusal is said on standard error and ends the program with 1."""
    settings: Settings = context.obj()
    result = asyncio.run(_with_pool(settings, work))
    if isinstance(result, Refusal):
        refuse(result.reason)
    return result


async def _with_pool(settings: Settings, work: Callable[[Pool, Vault], Awaitable[T]]) -> T:
    pool = await connect(settings.postgres_url, size_max=1, name="tomato-terminal")
    try:
        return await work(pool, Vault(settings.master_key))
    finally:
        await pool.close()


def without_secrets(profile: T) -> T:
    """A profile that can be shown: what is sealed stays unread, and unread by others too."""
    return msgspec.convert(_veiled(msgspec.to_builtins(profile)), type(profile))


def _veiled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: "(sealed)" if name in SEALED and inner else _veiled(inner)
            for name, inner in value.items()
        }
    return [_veiled(inner) for inner in value] if isinstance(value, list | tuple) else value
