"""How a call counts: against the channel only where the channel is to blame."""

from __future__ import annotations

from typing import get_args

import pytest

from actors.channels.talk.outcomes import BY_CAUSE, BY_WHY, WISHES, Said, code_of, outcome_of
from schema.channels import (
    Cause,
    NotKnownThere,
    Paid,
    Pending,
    Refunded,
    RefundPending,
    SurelyNotPaid,
    SurelyNotRefunded,
    SurelyNotShared,
    SurelyNotTransferred,
    Unknown,
    UnknownWhy,
)
from schema.messages.channels import CallOperation, CallOutcome
from tests.examples import NOW

PAID = Paid(channel_payment_id="1", amount_fen=1, currency="CNY", paid_at=NOW)
REFUNDED = Refunded(channel_refund_id="1", refund_fen=1, currency="CNY", refunded_at=NOW)


def no(cause: Cause) -> SurelyNotPaid:
    return SurelyNotPaid(code="X", cause=cause)


# fmt: off
TABLE: list[tuple[CallOperation, Said, CallOutcome]] = [
    ("create",   PAID,                                             "ok"),
    ("create",   Pending(),                                        "ok"),
    ("create",   no("channel"),                                    "third_error"),
    ("create",   no("payer"),                                      "payer_error"),
    ("create",   no("balance"),                                    "balance_not_enough"),
    ("create",   no("merchant"),                                   "refused"),
    ("create",   no("platform"),                                   "refused"),
    # A question about how a thing stands, or a wish to end it, is fulfilled by a "no".
    ("query",    no("channel"),                                    "ok"),
    ("close",    no("channel"),                                    "ok"),
    ("reverse",  no("payer"),                                      "ok"),
    ("query",    NotKnownThere(code="ORDER_NOT_EXIST"),            "ok"),
    ("refund",   REFUNDED,                                         "ok"),
    ("refund",   RefundPending(),                                  "ok"),
    ("refund",   SurelyNotRefunded(code="X", cause="balance"),     "balance_not_enough"),
    ("transfer", SurelyNotTransferred(code="X", cause="merchant"), "refused"),
    ("share",    SurelyNotShared(code="X"),                        "third_error"),
    # Not knowing: by why, and where the channel's code was read, by its cause.
    ("query",    Unknown(why="no_answer"),                         "no_answer"),
    ("query",    Unknown(why="rate_limited"),                      "rate_limited"),
    ("create",   Unknown(why="server_error"),                      "third_error"),
    ("create",   Unknown(why="bad_signature"),                     "third_error"),
    ("create",   Unknown(why="unparsable"),                        "third_error"),
    ("create",   Unknown(why="other_order"),                       "third_error"),
    ("query",    Unknown(why="ambiguous", cause="platform"),       "refused"),
    ("query",    Unknown(why="unlisted"),                          "third_error"),
]
# fmt: on


@pytest.mark.parametrize(("operation", "verdict", "outcome"), TABLE, ids=str)
def test_a_call_counts_as_the_table_says(
    operation: CallOperation, verdict: Said, outcome: CallOutcome
) -> None:
    assert outcome_of(operation, verdict) == outcome


def test_the_tables_know_every_word() -> None:
    assert set(BY_CAUSE) == set(get_args(Cause))
    assert set(BY_WHY) == set(get_args(UnknownWhy))
    assert set(WISHES) < set(get_args(CallOperation))


def test_the_channels_own_code_is_told_and_ours_where_it_said_nothing() -> None:
    assert code_of(SurelyNotPaid(code="RULE_LIMIT")) == "RULE_LIMIT"
    assert code_of(Unknown(why="server_error", code="SYSTEM_ERROR")) == "SYSTEM_ERROR"
    assert code_of(Unknown(why="no_answer")) == "no_answer"
    assert code_of(PAID) == ""
