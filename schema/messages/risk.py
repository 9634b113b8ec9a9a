"""What risk says about a placed payment."""

from __future__ import annotations

from schema.messages.contract import Message, fact
from schema.payments import PaymentTerms, RiskDecision


@fact("payment.cleared", owner="risk")
class PaymentCleared(Message, frozen=True, kw_only=True):
    """No rule objects to this payment."""

    terms: PaymentTerms
    risk: RiskDecision


@fact("payment.refused", owner="risk")
class PaymentRefused(Message, frozen=True, kw_only=True):
    """At least one rule refuses this payment; the record names each."""

    payment_id: str
    risk: RiskDecision
