"""`refund …`: refunds that a person has to see, one of them in full, a new one, one once more."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from bus.database import Pool, queries
from bus.origin import new_event
from bus.terminal import Json, Limit, print_all, print_one, refuse, show
from handlers.terminal.session import WAIT_MS, Desk, at_desk, reading, unless_refused
from schema import ids
from schema.messages.doors import PlaceRefund, RepeatRepayment
from schema.messages.ordering import RefundAnswered
from schema.refunds import RefundRequest, RefundState, RefundView

SQL = queries(__file__)

TO_SEE = (RefundState.UNKNOWN, RefundState.ABNORMAL)
"""What does not end by itself, or not soon."""

LOOK_MS = 200
"""How often a command looks whether a channel has answered."""

OF_CHANNELS = (
    "number", "numbers", "channel_refund_no", "channel_code", "channel_message", "queries",
)  # fmt: skip
"""What a channel says of a refund that it was asked for."""

COLUMNS = ("refund_id", "merchant_no", "kind", "state", "amount_fen", "channel_no", "updated_at")

refund_cli = typer.Typer(no_args_is_help=True, help="Money that goes back to payers.")

RefundNo = Annotated[str, typer.Argument(metavar="REFUND_ID", show_default=False)]


@refund_cli.command("list")
def list_refunds(
    context: typer.Context,
    state: Annotated[
        list[RefundState] | None, typer.Option(help="Repeatable; else unknown and abnormal.")
    ] = None,
    merchant: Annotated[str | None, typer.Option(help="Only of this merchant.")] = None,
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """Refunds in a state, those that have been in it longest first."""
    states = [str(each) for each in state or TO_SEE]
    rows = reading(context, lambda pool: pool.fetch(SQL.list_refunds, states, merchant, limit))
    print_all(map(dict, rows), *COLUMNS, as_json=json)


@refund_cli.command("show")
def show_refund(context: typer.Context, refund_id: RefundNo, json: Json = False) -> None:
    """One refund, with what its channel says."""
    found = reading(context, lambda pool: find_refund(pool, refund_id))
    if found is None:
        refuse(f"no refund {refund_id}")
    print_one(found, as_json=json)


async def find_refund(pool: Pool, refund_id: str) -> dict[str, Any] | None:
    """A refund as ordering and channels keep it."""
    refund = await pool.fetchrow(SQL.find_refund, refund_id)
    if refund is None:
        return None
    repayment = await pool.fetchrow(SQL.find_repayment, refund_id)
    return dict(refund) | {"at_the_channel": repayment and _numbered(dict(repayment))}


async def refunds_of(pool: Pool, payment_id: str, now: datetime) -> list[dict[str, Any]]:
    """The refunds of a payment with what their channels say, and the age of each in seconds."""
    found = await pool.fetch(SQL.find_refunds, payment_id)
    numbers = [row["refund_id"] for row in found]
    repayments = await pool.fetch(SQL.find_repayments, numbers) if numbers else []
    told = {row["refund_id"]: _numbered(dict(row)) for row in repayments}
    return [
        dict(row)
        | dict.fromkeys(OF_CHANNELS)
        | told.get(row["refund_id"], {})
        | {"age_s": int((now - row["created_at"]).total_seconds())}
        for row in found
    ]


def _numbered(told: dict[str, Any]) -> dict[str, Any]:
    """What the channel says of a refund, with the number that it is asked for under there."""
    return {"number": ids.refund_number(told["refund_id"], told["numbers"])} | told


@refund_cli.command("place")
def place_refund(
    context: typer.Context,
    payment_id: Annotated[str, typer.Argument(metavar="PAYMENT_ID", show_default=False)],
    number: Annotated[
        str, typer.Option(help="The refund number, good once: a repeat is the same refund.")
    ],
    fen: Annotated[int | None, typer.Option(min=1, help="All that is left, if not given.")] = None,
    reason: Annotated[str | None, typer.Option(help="Shown to the payer.")] = None,
    json: Json = False,
) -> None:
    """Give money back in the merchant's name, from the merchant's balance."""
    wish = {"merchant_refund_no": number, "payment_id": payment_id, "amount_fen": fen}
    try:
        request = msgspec.convert(wish | {"reason": reason}, RefundRequest)
    except msgspec.ValidationError as error:
        refuse(str(error))
    show(at_desk(context, lambda desk: _place(desk, request)), as_json=json)


@refund_cli.command("repeat")
def repeat_refund(context: typer.Context, refund_id: RefundNo, json: Json = False) -> None:
    """Ask the channel once more for an automatic refund that it has refused: under a new number,
    where the channel says again that it keeps a dead refund under the last one."""
    print_one(at_desk(context, lambda desk: _repeat(desk, refund_id)), as_json=json)


async def _repeat(desk: Desk, refund_id: str) -> dict[str, Any]:
    found = await find_refund(desk.pool, refund_id)
    if found is None:
        refuse(f"no refund {refund_id}")
    if found["kind"] == "merchant":
        refuse(f"{refund_id} is the merchant's: place another one")
    refused = found["at_the_channel"]
    if refused is None or refused["state"] != "failed":
        refuse(f"{refund_id} was not refused by its channel")
    if refused["number_is_spent"] and refused["numbers"] >= ids.REFUND_NUMBERS_MAX:
        refuse(f"{refund_id} has spent all its numbers at the channel: pay it back another way")
    wish = RepeatRepayment(refund_id=refund_id)
    await desk.outlet.say(wish, new_event(wish, subject=found["payment_id"]))
    return await _answered(desk.pool, refund_id, refused["updated_at"])


async def _answered(pool: Pool, refund_id: str, before: datetime) -> dict[str, Any]:
    """The refund as soon as its channel has said something."""
    for _ in range(WAIT_MS // LOOK_MS):
        await asyncio.sleep(LOOK_MS / 1_000)
        found = await find_refund(pool, refund_id)
        told = found and found["at_the_channel"]
        if found and told and told["updated_at"] > before and told["state"] != "opened":
            return found
    return refuse("accepted; it takes longer, look again")


async def _place(desk: Desk, request: RefundRequest) -> RefundView:
    row = await desk.pool.fetchrow(SQL.find_payment, request.payment_id)
    if row is None:
        refuse(f"no payment {request.payment_id}")
    answer = await desk.ask(PlaceRefund(merchant_no=row["merchant_no"], request=request))
    assert isinstance(answer, RefundAnswered)
    unless_refused(answer.refusal)
    assert answer.refund is not None
    return answer.refund
