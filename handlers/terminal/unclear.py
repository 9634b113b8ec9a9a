"""`payment unknown` and `payment close`: money at risk, and an end to what nobody has paid."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from bus.database import Pool, queries
from bus.jobs import now_utc
from bus.terminal import Json, Limit, print_all, print_json, refuse
from handlers.terminal.session import Desk, at_desk, reading, unless_refused
from schema.messages.doors import ClosePayment
from schema.messages.ordering import PaymentAnswered
from schema.payments import PaymentView

SQL = queries(__file__)

UNCLEAR_MIN = 10

COLUMNS = (
    "since", "payment_id", "merchant_no", "state", "amount_fen", "channel_no", "attempt",
    "channel_says",
)  # fmt: skip


def add_unclear(cli: typer.Typer) -> None:
    """Adds the commands to those of payments."""
    cli.command("unknown")(list_unclear)
    cli.command("close")(close)


def list_unclear(
    context: typer.Context,
    minutes: Annotated[int, typer.Option(min=0, help="For how long.")] = UNCLEAR_MIN,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """Payments of which nobody can say how they end, oldest first, with the money at risk."""
    rows, total = reading(context, lambda pool: find_unclear(pool, minutes, limit, now_utc()))
    if json:
        print_json({"items": rows, **total})
        return
    print_all(rows, *COLUMNS, as_json=False)
    typer.echo(f"{total['count']} payments, {total['amount_fen']} fen at risk")


async def find_unclear(
    pool: Pool, minutes: int, limit: int, now: datetime
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The oldest of them with what the channel said last, and what all of them come to."""
    before = now - timedelta(minutes=minutes)
    found = await pool.fetch(SQL.list_unclear, before, limit)
    attempts = await pool.fetch(SQL.last_attempts, [row["payment_id"] for row in found])
    told = {row["payment_id"]: row for row in attempts}
    rows = [dict(row) | _told(told.get(row["payment_id"])) for row in found]
    total = await pool.fetchrow(SQL.sum_unclear_payments, before)
    assert total is not None
    return rows, dict(total)


def _told(attempt: Any) -> dict[str, Any]:
    """What the channel said of the newest attempt; nothing where none was made."""
    if attempt is None:
        return dict.fromkeys(("channel_no", "attempt", "channel_says", "asked", "ask_at"))
    says = (attempt["channel_code"], attempt["channel_message"])
    return {
        "channel_no": attempt["channel_no"],
        "attempt": attempt["state"],
        "channel_says": ": ".join(word for word in says if word) or None,
        "asked": attempt["queries"],
        "ask_at": attempt["query_at"],
    }


def close(
    context: typer.Context,
    payment_id: Annotated[str, typer.Argument(metavar="PAYMENT_ID", show_default=False)],
    json: Json = False,
) -> None:
    """Have nobody pay an order any more, in the merchant's name; channels confirm it first."""
    payment = at_desk(context, lambda desk: _close(desk, payment_id))
    if json:
        print_json(payment)
    else:
        typer.echo(f"{payment.id} is {payment.state}")


async def _close(desk: Desk, payment_id: str) -> PaymentView:
    row = await desk.pool.fetchrow(SQL.find_payment, payment_id)
    if row is None:
        refuse(f"no payment {payment_id}")
    answer = await desk.ask(ClosePayment(merchant_no=row["merchant_no"], payment_id=payment_id))
    assert isinstance(answer, PaymentAnswered)
    unless_refused(answer.refusal)
    assert answer.payment is not None
    return answer.payment
