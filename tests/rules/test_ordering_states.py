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
from actors.ordering.states import MOVES, Happening
from schema.messages.contract import Message
from schema.payments import PaymentState
from tests.examples import (
    NOW,
    PAYMENT_ID,
    TURNED_AWAY,
    a_payment,
    a_shown_payment,
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
}  # fmt: skip

IN_STATE: dict[PaymentState, Payment] = {
    PaymentState.PLACED: a_payment(),
    PaymentState.PENDING: a_shown_payment(),
    PaymentState.UNKNOWN: a_payment(state=PaymentState.UNKNOWN),
    PaymentState.SUCCEEDED: a_shown_payment(state=PaymentState.SUCCEEDED, **PAID),
    PaymentState.FAILED: a_payment(state=PaymentState.FAILED, failure=TURNED_AWAY, answered_at=NOW),
}

TOLD_BY: dict[Happening, Callable[[str], Message]] = {
    Happening.REFUSED: refused,
    Happening.UNROUTABLE: unroutable,
    Happening.PENDING: pending,
    Happening.UNKNOWN: unknown,
    Happening.FAILED: failed,
    Happening.SUCCEEDED: succeeded,
}


def test_every_state_has_a_move_for_everything_that_can_happen() -> None:
    assert set(MOVES) == set(product(PaymentState, Happening))


def test_money_that_is_there_stays_there() -> None:
    assert {MOVES[PaymentState.SUCCEEDED, each] for each in Happening} == {PaymentState.SUCCEEDED}


def test_money_counts_whenever_it_comes() -> None:
    assert {MOVES[each, Happening.SUCCEEDED] for each in PaymentState} == {PaymentState.SUCCEEDED}


def test_only_money_leads_out_of_a_failure() -> None:
    ways_out = {each for each in Happening if MOVES[PaymentState.FAILED, each] != "failed"}
    assert ways_out == {Happening.SUCCEEDED}


def test_nothing_leads_back_to_where_nobody_was_asked_for_money() -> None:
    assert PaymentState.PLACED not in MOVES.values()


def test_not_knowing_never_ends_a_payment() -> None:
    still_open = {PaymentState.PLACED, PaymentState.PENDING, PaymentState.UNKNOWN}
    assert {MOVES[each, Happening.UNKNOWN] for each in still_open} <= still_open


@pytest.mark.parametrize(("state", "happening"), MOVES, ids=str)
def test_the_rules_move_a_payment_as_the_table_says(
    state: PaymentState, happening: Happening
) -> None:
    payment = IN_STATE[state]
    decision = decide(Orders([payment]), TOLD_BY[happening](PAYMENT_ID), NOW)
    target = MOVES[state, happening]
    moved = [change.state for change in decision.changes]
    assert moved == ([] if target is state else [target])


def test_the_document_shows_the_table() -> None:
    if os.environ.get(REWRITE):
        DOCUMENT.write_text(page())
    assert DOCUMENT.read_text() == page(), f"{REWRITE}=1 writes it anew; review the diff"
