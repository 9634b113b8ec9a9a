"""`dead`: look at dead letters, put them back, or drop them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer
from aio_pika.exceptions import ChannelClosed

from bus.broker import Broker
from bus.dead import DeadLetter, Graveyard
from schema.settings import Settings

T = TypeVar("T")

dead_cli = typer.Typer(no_args_is_help=True, help="Messages that a person has to look at.")

QueueName = Annotated[str, typer.Argument(help="The queue they died in, such as ordering.")]
EventId = Annotated[str | None, typer.Option("--id", help="Only the one with this event id.")]


@dead_cli.command(name="list")
def list_letters(
    context: typer.Context,
    queue: QueueName,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
) -> None:
    """The oldest dead letters of a queue, a line each."""
    letters = _with_graveyard(context, lambda graveyard: graveyard.list(queue, limit))
    for letter in letters:
        last = letter.reason.strip().splitlines()[-1]
        typer.echo(f"{letter.died_at}  {letter.event_id}  {letter.type}  {last}")
    typer.echo(f"{len(letters)} dead letters in {queue}")


@dead_cli.command()
def show(context: typer.Context, queue: QueueName, event_id: str) -> None:
    """One dead letter with its whole reason and body."""
    letters = _with_graveyard(context, lambda graveyard: graveyard.list(queue, 1000))
    found = [letter for letter in letters if letter.event_id == event_id]
    if not found:
        typer.echo(f"no dead letter {event_id} in {queue}", err=True)
        raise typer.Exit(1)
    _print(found[0])


@dead_cli.command()
def replay(context: typer.Context, queue: QueueName, event_id: EventId = None) -> None:
    """Put dead letters back into their queue."""
    count = _with_graveyard(context, lambda graveyard: graveyard.replay(queue, event_id))
    typer.echo(f"{count} put back into {queue}")


@dead_cli.command()
def drop(
    context: typer.Context,
    queue: QueueName,
    event_id: EventId = None,
    everything: Annotated[bool, typer.Option("--all", help="Without an id: drop all.")] = False,
) -> None:
    """Remove dead letters for good."""
    if event_id is None and not everything:
        raise typer.BadParameter("name one with --id, or say --all")
    count = _with_graveyard(context, lambda graveyard: graveyard.drop(queue, event_id))
    typer.echo(f"{count} dropped from {queue}")


def _print(letter: DeadLetter) -> None:
    typer.echo(f"{letter.event_id}  {letter.type}  died {letter.died_at}\n\n{letter.reason}\n")
    typer.echo(letter.body.decode(errors="replace"))


def _with_graveyard(context: typer.Context, work: Callable[[Graveyard], Awaitable[T]]) -> T:
    read: Callable[[], Settings] = context.obj
    try:
        return asyncio.run(_run(read(), work))
    except ChannelClosed as error:
        typer.echo(f"RabbitMQ: {error}", err=True)
        raise typer.Exit(1) from None


async def _run(settings: Settings, work: Callable[[Graveyard], Awaitable[T]]) -> Any:
    broker = Broker(settings.rabbitmq_url, name="tomato-terminal")
    await broker.connect()
    try:
        return await work(Graveyard(broker))
    finally:
        await broker.stop()
