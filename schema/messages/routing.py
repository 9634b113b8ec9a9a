"""What routing says about a cleared payment."""

from __future__ import annotations

from schema.messages.contract import Message, fact
from schema.payments import PaymentTerms, RiskDecision, RoutingDecision


@fact("payment.routed", owner="routing")
class PaymentRouted(Message, frozen=True, kw_only=True):
    """These channels may be tried, in this order."""

    terms: PaymentTerms
    risk: RiskDecision
    routing: RoutingDecision


@fact("payment.unroutable", owner="routing")
class PaymentUnroutable(Message, frozen=True, kw_only=True):
    """No channel of the merchant can take this payment; the record says why for each."""

    payment_id: str
    risk: RiskDecision
    routing: RoutingDecision
