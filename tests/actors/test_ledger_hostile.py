"""Hostile wishes: refused with the name of the field that is wrong, and no row is changed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bus.database import Pool
from bus.effects import Reply
from schema.bookings import Refund, Trade, Transfer, Withdrawal
from schema.events import encode_data
from schema.messages.accounting import ConfigureAccount, PlaceHold, PostBooking
from schema.messages.contract import Message, UnreadableMessage, read, write
from schema.money import AMOUNT_FEN_MAX
from tests.actors.ledger_world import CHANNEL, DAWN, MERCHANTS, World, a_world
from tests.examples import NOW

ONE, TWO, _ = MERCHANTS
PAYMENT_ID = f"pay_{7:024d}"
WITHDRAWAL = {"kind": "withdrawal", "no": "w1", "owner": ONE, "amount_fen": 100, "fee_fen": 0}

UNREADABLE: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"amount_fen": 0}, "amount_fen"),
    "less than nothing": ({"amount_fen": -100}, "amount_fen"),
    "more than there may be": ({"amount_fen": AMOUNT_FEN_MAX + 1}, "amount_fen"),
    "more than a database holds": ({"amount_fen": 10**30}, "amount_fen"),
    "a part of a fen": ({"amount_fen": 0.5}, "amount_fen"),
    "whole yuan as a fraction": ({"amount_fen": 100.0}, "amount_fen"),
    "an amount in words": ({"amount_fen": "100"}, "amount_fen"),
    "no amount": ({"amount_fen": None}, "amount_fen"),
    "a fee that is paid to him": ({"fee_fen": -1}, "fee_fen"),
    "money of another country": ({"currency": "USD"}, "currency"),
    "money without a name": ({"currency": ""}, "currency"),
    "somebody who can't be": ({"owner": "x' OR '1'='1"}, "owner"),
    "our own money": ({"role": "platform", "owner": "platform"}, "role"),
    "a number with a line break": ({"no": "w1\n"}, "no"),
    "a kind of booking that nobody knows": ({"kind": "gift"}, "kind"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_wish_that_makes_no_sense_is_refused_with_the_field_that_is_wrong(what: str) -> None:
    differences, field = UNREADABLE[what]
    event = write(PostBooking(wish=Withdrawal(no="w1", owner=ONE, amount_fen=1)), id="1", time=NOW)
    wish = WITHDRAWAL | differences
    with pytest.raises(UnreadableMessage, match=rf"\$\.wish\.{field}"):
        read(msgspec.structs.replace(event, data=encode_data({"wish": wish})))


@pytest.mark.parametrize("floor_fen", [-(10**30), 10**30, -AMOUNT_FEN_MAX - 1])
def test_a_limit_beyond_all_money_is_refused_by_its_name(floor_fen: int) -> None:
    order = ConfigureAccount(
        change_no="c1", account_no="0" * 21, floor_fen=floor_fen, operator="alice", reason="why not"
    )
    with pytest.raises(UnreadableMessage, match=r"\$\.floor_fen"):
        read(write(order, id="1", time=NOW))


REFUSED: dict[str, tuple[Message, str, str]] = {
    "to himself": (
        PostBooking(wish=Transfer(no="t1", owner=ONE, to_owner=ONE, amount_fen=1)),
        "same_account", "to_owner",
    ),
    "all and the fee on top": (
        PostBooking(wish=Withdrawal(no="w1", owner=ONE, amount_fen=994, fee_fen=1)),
        "insufficient_balance", "amount_fen",
    ),
    "a fee that no column holds": (
        PostBooking(wish=Withdrawal(no="w1", owner=ONE, amount_fen=1, fee_fen=10**30)),
        "insufficient_balance", "amount_fen",
    ),
    "from a hold of somebody else": (
        PostBooking(wish=Withdrawal(no="w1", owner=TWO, amount_fen=1, fee_fen=0, hold_no="h1")),
        "unknown_hold", "hold_no",
    ),
    "more back than was paid": (
        PostBooking(
            wish=Refund(
                no="r1", payment_id=PAYMENT_ID, merchant_no=ONE, channel_no=CHANNEL,
                funds_flow="platform", amount_fen=1_001,
            )
        ),
        "refund_above_payment", "amount_fen",
    ),
    "back from somebody else": (
        PostBooking(
            wish=Refund(
                no="r1", payment_id=PAYMENT_ID, merchant_no=TWO, channel_no=CHANNEL,
                funds_flow="platform", amount_fen=1,
            )
        ),
        "not_of_this_payment", "payment_id",
    ),
    "the same number for another amount": (
        PostBooking(
            wish=Trade(
                no=PAYMENT_ID, merchant_no=ONE, channel_no=CHANNEL, funds_flow="platform",
                amount_fen=1_001, fee_fen=6,
            )
        ),
        "number_conflict", "no",
    ),
    "a fee above the payment": (
        PostBooking(
            wish=Trade(
                no=f"pay_{8:024d}", merchant_no=ONE, channel_no=CHANNEL, funds_flow="platform",
                amount_fen=10, fee_fen=11,
            )
        ),
        "fee_above_amount", "fee_fen",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
async def test_a_wish_that_may_not_be_is_refused_and_changes_nothing(pool: Pool, what: str) -> None:
    wish, code, param = REFUSED[what]
    async with a_world(pool) as world:
        trade = Trade(
            no=PAYMENT_ID, merchant_no=ONE, channel_no=CHANNEL, funds_flow="platform",
            amount_fen=1_000, fee_fen=6,
        )  # fmt: skip
        held = PlaceHold(
            hold_no="h1", owner=ONE, amount_fen=100, operator="alice", reason="a complaint"
        )
        await world.hear([PostBooking(wish=trade), held])
        before = await world.everything()
        assert await asked(world, wish) == (code, param)
        assert await world.everything() == before


async def asked(world: World, message: Message) -> tuple[str, str | None]:
    """With which code, and for which field, a message is refused."""
    connection = world.connection
    async with connection.transaction():
        ledger = await world.decider.load(connection, [message])
        (effect,) = world.decider.decide(ledger, message, DAWN).effects
        assert world.decider.save is not None
        await world.decider.save(connection, ledger)
    assert isinstance(effect, Reply)
    refusal = effect.message.refusal
    return refusal.code, refusal.param
