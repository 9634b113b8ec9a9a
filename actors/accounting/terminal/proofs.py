"""`ledger check|verify|anchor`: proves the books, and keeps their heads outside the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec
import typer

from actors.accounting.proof import proving
from actors.accounting.proof.anchors import Anchors
from actors.accounting.proof.links import Head
from actors.accounting.proof.proving import Proof
from bus.database import Connection
from bus.errors import TryLater
from bus.jobs import now_utc
from bus.terminal import Json, print_json, refuse
from schema.days import day_of
from schema.settings import Settings

T = TypeVar("T")

SHOWN_MAX = 20
"""Breaks of one check on a screen; `--json` has more."""


def check(context: typer.Context, json: Json = False) -> None:
    """Prove the books: every check over everything. Ends with 1 where anything is wrong."""
    _prove(context, proving.prove_all, json)


def verify(context: typer.Context, json: Json = False) -> None:
    """Prove the hash chain, and that every head that was anchored is still in it."""
    _prove(context, proving.prove_chain, json)


def anchor(context: typer.Context) -> None:
    """Write the heads of the hash chain outside the database, once per shard and day."""
    settings: Settings = context.obj()
    written, heads = _run(_anchor(settings))
    typer.echo(f"{written} of {heads} heads anchored at {settings.ledger_anchor_url}")


async def _anchor(settings: Settings) -> tuple[int, int]:
    now = now_utc()
    async with proving.looking(settings.postgres_url) as connection:
        heads = await proving.heads_now(connection)
    return await _anchors(settings).write(heads, day_of(now), now), len(heads)


def _anchors(settings: Settings) -> Anchors:
    return Anchors(settings.ledger_anchor_url, settings.postgres_url)


def _prove(context: typer.Context, work: Callable[..., Awaitable[Proof]], as_json: bool) -> None:
    proof = _run(_proof(context.obj(), work))
    if as_json:
        print_json(msgspec.to_builtins(proof.findings))
    else:
        _print(proof)
    if proof.breaks:
        raise typer.Exit(1)


async def _proof(settings: Settings, work: Callable[..., Awaitable[Proof]]) -> Proof:
    anchored: list[Head] = await _anchors(settings).read()
    connection: Connection
    async with proving.looking(settings.postgres_url) as connection:
        return await work(connection, anchored=anchored)


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except TryLater as error:
        refuse(str(error))


def _print(proof: Proof) -> None:
    typer.echo(f"{'check':<12}{'looked at':>12}  {'breaks':>6}  {'time':>10}  what it promises")
    for found in proof.findings:
        line = f"{found.looked_at:>12,}  {len(found.breaks):>6}  {found.took_ms:>7,} ms"
        typer.echo(f"{found.check_name:<12}{line}  {found.says}")
    for found in proof.findings:
        for each in found.breaks[:SHOWN_MAX]:
            whose = f"{each.role} {each.owner} {each.account_no}".rstrip()
            typer.echo(f"{each.check_name}: {whose}: {each.detail}")
    verdict = f"{len(proof.breaks)} breaks" if proof.breaks else "nothing is wrong"
    typer.echo(f"{proof.entries:,} entries: {verdict}")
