"""Ordering's rules at work: each message is decided on what the ones before have left."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from actors.ordering.payment import Orders, Payment
from actors.ordering.refund import Refund
from actors.ordering.rules import decide
from bus.decider import Decision
from bus.effects import Later, Publish, Reply
from schema.messages.contract import Message
from schema.messages.doors import ClosePayment, PlacePayment, PlaceRefund
from schema.messages.ordering import PaymentAnswered, RefundAnswered
from schema.payments import PaymentView
from schema.refunds import RefundRequest
from tests.examples import LINKS, MERCHANT_NO, NOW, PAYMENT_ID, a_merchant, a_request


class Desk:
    """One merchant's orders, what was said of them, and what was answered."""

    def __init__(self, *payments: Payment, **merchant: Any) -> None:
        self.orders = Orders(payments, {MERCHANT_NO: a_merchant(**merchant)}, links=LINKS)
        self.said: list[Message] = []
        self.answers: list[PaymentAnswered] = []
        self.refund_answers: list[RefundAnswered] = []
        self.later: list[Later] = []

    def hear(self, *messages: Message, now: datetime = NOW) -> Desk:
        for message in messages:
            self._note(decide(self.orders, message, now))
        return self

    def place(self, **differences: Any) -> Desk:
        return self.hear(PlacePayment(merchant_no=MERCHANT_NO, request=a_request(**differences)))

    def close(self, now: datetime = NOW) -> Desk:
        return self.hear(ClosePayment(merchant_no=MERCHANT_NO, payment_id=PAYMENT_ID), now=now)

    def refund(self, number: str, amount_fen: int | None = None, **differences: Any) -> Desk:
        usual: dict[str, Any] = {"payment_id": PAYMENT_ID, "amount_fen": amount_fen}
        request = RefundRequest(merchant_refund_no=number, **usual | differences)
        return self.hear(PlaceRefund(merchant_no=MERCHANT_NO, request=request))

    @property
    def payment(self) -> Payment:
        (only,) = self.orders
        return only

    @property
    def refunds(self) -> list[Refund]:
        return list(self.orders.refunds)

    @property
    def answered(self) -> PaymentView:
        """The payment in the last answer."""
        payment = self.answers[-1].payment
        assert payment is not None
        return payment

    @property
    def refusal_code(self) -> str:
        """Why the last answer holds no payment."""
        refusal = self.answers[-1].refusal
        assert refusal is not None and self.answers[-1].payment is None
        return refusal.code

    @property
    def refund_refusal(self) -> str:
        """Why the last answer holds no refund."""
        refusal = self.refund_answers[-1].refusal
        assert refusal is not None and self.refund_answers[-1].refund is None
        return refusal.code

    def _note(self, decision: Decision) -> None:
        for change in decision.changes:
            self.orders.put(change)
        for effect in decision.effects:
            match effect:
                case Reply(message=PaymentAnswered() as answer):
                    self.answers.append(answer)
                case Reply(message=RefundAnswered() as answer):
                    self.refund_answers.append(answer)
                case Later():
                    self.later.append(effect)
                case Publish():
                    assert effect.subject == self.payment.payment_id
                    self.said.append(effect.message)
                case _:
                    raise AssertionError(effect)
