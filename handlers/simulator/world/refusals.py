"""Why the world does not do what is wished. Each front says it in its own platform's words."""

from __future__ import annotations

from enum import Enum


class No(Enum):
    """A business no, as a value; `value` is what a person is told."""

    NUMBER_USED = "This number was used with other content."
    ALREADY_PAID = "It is paid."
    ALREADY_CLOSED = "It is closed."
    ALREADY_REVERSED = "It was taken back."
    ALREADY_FAILED = "The payment failed."
    PAYER_IS_PAYING = "The payer is typing a password."
    EXPIRED = "The time to pay is over."
    NOT_PAID = "It is not paid."
    NOT_ENOUGH_MONEY = "The payer has not enough money."
    PAYER_REFUSED = "The payer refused."
    TOO_MUCH = "More than what is left of the payment."
    NOT_SHARED_PROFIT = "The order was not made for profit sharing."
    NOT_CONFIRMABLE = "Nothing waits for this payee."
    OUTAGE = "The payment network does not answer."
    NO_ROOM = "The simulator has no room for more."
