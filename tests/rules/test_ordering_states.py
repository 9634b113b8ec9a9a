"""The table of moves: complete, kept by the rules, and the one that the docs show."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from actors.ordering.diagram import page
from actors.ordering.payment import Orders, Payment
from actors.ordering.rules import decide
from actors.ordering.states import MOVES, OPEN, Happening
from schema import ids
from schema.messages.channels import AttemptClosed
from schema.messages.contract import Message
from schema.payments import PaymentState
from tests.examples import (
    NOW,
    PAYMENT_ID,
    TURNED_AWAY,
    a_payment,
    a_shown_payment,
    cleared,
    failed,
    pending,
    refused,
    succeeded,
    unknown,
    unroutable,
)

DOCUMENT = Path(__file__).parents[2] / "docs" / "states.md"
REWRITE = "REWRITE_DOCS"
"""Set it to have the document written anew: REWRITE_DOCS=1 pytest tests/rules"""

PAID: dict[str, Any] = {
    "channel_trade_no": "4200", "funds_flow": "platform", "fee_fen": 6, "paid_at": NOW,
    "attempt_id": ids.attempt_id(PAYMENT_ID, 1),
}  # fmt: skip

IN_STATE: dict[PaymentState, Payment] = {
    state: a_shown_payment(state=state, failure=TURNED_AWAY, **PAID) for state in PaymentState
} | {
    PaymentState.SCREENING: a_payment(),
    PaymentState.ROUTING: a_payment(state=PaymentState.ROUTING),
    PaymentState.PENDING: a_shown_payment(),
    PaymentState.UNKNOWN: a_payment(state=PaymentState.UNKNOWN),
    PaymentState.CLOSING: a_shown_payment(state=PaymentState.CLOSING),
}
TOLD_BY: dict[Happening, Callable[[str], Message]] = {
    Happening.CLEARED: cleared,
    Happening.REFUSED: refused,
    Happening.UNROUTABLE: unroutable,
    Happening.PENDING: pending,
    Happening.UNKNOWN: unknown,
    Happening.FAILED: failed,
    Happening.SUCCEEDED: succeeded,
    Happening.CLOSED: lambda payment_id: AttemptClosed(payment_id=payment_id),
}

PAID_ONCE = {
    PaymentState.SUCCEEDED,
    PaymentState.LATE_PAID,
    PaymentState.PARTIALLY_REFUNDED,
    PaymentState.REFUNDED,
}


def test_every_state_has_a_move_for_everything_that_can_happen() -> None:
    assert set(MOVES) == set(product(PaymentState, Happening))


def test_money_that_is_there_stays_there_or_goes_back() -> None:
    assert {MOVES[state, each] for state in PAID_ONCE for each in Happening} == PAID_ONCE


def test_money_counts_whenever_it_comes() -> None:
    assert {MOVES[each, Happening.SUCCEEDED] for each in PaymentState} == PAID_ONCE


@pytest.mark.parametrize("end", [PaymentState.FAILED, PaymentState.CLOSED])
def test_only_money_leads_out_of_an_end(end: PaymentState) -> None:
    assert {each for each in Happening if MOVES[end, each] is not end} == {Happening.SUCCEEDED}


def test_only_a_payer_who_chooses_again_leads_back_to_where_nobody_was_asked_for_money() -> None:
    back = {each for (state, each), to in MOVES.items() if to == "placed" and state != "placed"}
    assert back == {Happening.RELEASED}


@pytest.mark.parametrize("happening", [Happening.UNKNOWN, Happening.CLOSE, Happening.PENDING])
def test_neither_not_knowing_nor_a_wish_ends_a_payment(happening: Happening) -> None:
    still_open = OPEN | {PaymentState.CLOSING}
    assert {MOVES[each, happening] for each in still_open} <= still_open


@pytest.mark.parametrize(
    ("state", "happening"), [pair for pair in MOVES if pair[1] in TOLD_BY], ids=str
)
def test_the_rules_move_a_payment_as_the_table_says(
    state: PaymentState, happening: Happening
) -> None:
    orders = Orders([IN_STATE[state]])
    decision = decide(orders, TOLD_BY[happening](PAYMENT_ID), NOW)
    target = MOVES[state, happening]
    moved = [change.state for change in decision.changes if isinstance(change, Payment)]
    assert moved == ([] if target is state else [target])


def test_the_document_shows_the_table() -> None:
    if os.environ.get(REWRITE):
        DOCUMENT.write_text(page())
    assert DOCUMENT.read_text() == page(), f"{REWRITE}=1 writes it anew; review the diff"
