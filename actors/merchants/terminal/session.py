"""What every command shares: a connection while it runs, who makes the change, what is printed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
import typer
from msgspec import Struct

from bus.database import Pool, connect
from bus.vault import Vault
from schema.payments import Refusal
from schema.settings import Settings

T = TypeVar("T")

Operator = Annotated[str, typer.Option(envvar="USER", help="Who makes the change, for history.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="Lines at most.")]
Fen = typer.Option(metavar="FEN", help="Of a single payment, both ends included.")

OPERATOR_DEFAULT = "terminal"
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


def refuse(reason: str) -> NoReturn:
    """Ends the program with 1 and the reason on standard error."""
    typer.echo(reason, err=True)
    raise typer.Exit(1)


def show(thing: Struct, *, as_json: bool) -> None:
    """Prints one thing in full, as JSON or a field a line."""
    document = msgspec.to_builtins(thing)
    if as_json:
        typer.echo(_json(document))
    else:
        for field, value in document.items():
            typer.echo(f"{field:<20} {_text(value)}")


def show_all(things: Iterable[Struct], *fields: str, as_json: bool) -> None:
    """Prints many things: as JSON in full, or a line each with a few fields."""
    documents = [msgspec.to_builtins(thing) for thing in things]
    if as_json:
        typer.echo(_json(documents))
    else:
        for document in documents:
            typer.echo("  ".join(_text(document[field]) for field in fields))


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


def _json(document: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
