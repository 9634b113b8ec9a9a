"""Taking channels down and restoring them by hand, and who has done so before."""

from __future__ import annotations

from typing import Annotated

import typer

from actors.monitoring import standing, store
from actors.monitoring.measures import Subject
from actors.monitoring.terminal.session import (
    ChannelNo,
    Moment,
    PayTypeOption,
    Reason,
    look,
    moment,
)
from bus.database import Pool
from bus.jobs import now_utc
from bus.terminal import OPERATOR_DEFAULT, Json, Limit, Operator, show_all
from schema.payments import Refusal


def take_down(
    context: typer.Context,
    number: ChannelNo,
    reason: Reason,
    pay_type: PayTypeOption = "",
    until: Moment = None,
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Give a channel no new payments, until it is restored or a time comes."""
    subject, ends = Subject(number, pay_type), moment(until)

    async def work(pool: Pool) -> Refusal | None:
        refusal, _ = await store.decide(
            pool,
            lambda board: standing.take_down(board, subject, operator, reason, ends, now_utc()),
        )
        return refusal

    look(context, lambda pool, _: work(pool))
    typer.echo(f"{number} {pay_type or 'as a whole'} is taken down")


def restore(
    context: typer.Context,
    number: ChannelNo,
    reason: Reason,
    pay_type: PayTypeOption = "",
    operator: Operator = OPERATOR_DEFAULT,
) -> None:
    """Give a channel its payments again, all at once."""
    subject = Subject(number, pay_type)

    async def work(pool: Pool) -> Refusal | None:
        refusal, _ = await store.decide(
            pool, lambda board: standing.restore(board, subject, operator, reason, now_utc())
        )
        return refusal

    look(context, lambda pool, _: work(pool))
    typer.echo(f"{number} {pay_type or 'as a whole'} is restored")


def changes(
    context: typer.Context,
    subject: Annotated[str, typer.Option(help="A channel's number, or rule:<number>.")] = "",
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List who has taken down, restored or changed what, newest first."""
    found = look(context, lambda pool, _: store.changes(pool, subject=subject, limit=limit))
    fields = ("changed_at", "subject", "pay_type", "what", "by", "reason")
    show_all(found, *fields, as_json=json)
