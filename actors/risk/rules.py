"""Which payments may go on. Every rule speaks; one objection is enough to refuse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from ipaddress import ip_address

from msgspec.structs import replace

from bus.books import Book
from bus.decider import Decision
from bus.effects import Publish
from schema.messages.contract import Message
from schema.messages.ordering import PaymentPlaced
from schema.messages.risk import PaymentCleared, PaymentRefused
from schema.payments import PaymentTerms, Refusal, RiskDecision
from schema.profiles import MerchantProfile

Subject = tuple[str, str]
"""What the blacklist speaks of: ("merchant" | "payer" | "ip", value)."""


class Watch(Book[str, PaymentTerms]):
    """What the rules look into: the merchants' limits, and who of those concerned is blocked."""

    def __init__(
        self,
        merchants: Mapping[str, MerchantProfile] = {},
        blocked: Mapping[Subject, str] = {},
    ) -> None:
        super().__init__((), key=lambda terms: terms.payment_id)
        self.merchants = merchants
        self.blocked = blocked


def decide(watch: Watch, message: Message, now: datetime) -> Decision:
    """Clears a placed payment or refuses it, with the record of why."""
    assert isinstance(message, PaymentPlaced)
    terms = message.terms
    risk = replace(check(terms, watch), decided_at=now)
    if risk.verdict == "pass":
        said: Message = PaymentCleared(terms=terms, risk=risk)
    else:
        said = PaymentRefused(payment_id=terms.payment_id, risk=risk)
    return Decision(effects=(Publish(said, subject=terms.payment_id),))


def check(terms: PaymentTerms, watch: Watch) -> RiskDecision:
    """The record of all rules on one payment."""
    reasons = (*blacklist(terms, watch.blocked), *limits(terms, watch.merchants))
    return RiskDecision(verdict="refuse" if reasons else "pass", reasons=reasons)


def concerned(terms: PaymentTerms) -> Iterable[Subject]:
    """Who takes part in a payment."""
    yield "merchant", terms.merchant_no
    if terms.payer_id is not None:
        yield "payer", terms.payer_id
    if terms.client_ip is not None:
        yield "ip", shortest(terms.client_ip)


def shortest(address: str) -> str:
    """An address as the blacklist has it, however it was written; what is none stays as it is."""
    try:
        return str(ip_address(address))
    except ValueError:
        return address


def blacklist(terms: PaymentTerms, blocked: Mapping[Subject, str]) -> tuple[Refusal, ...]:
    """An objection for each one concerned who is on the blacklist 黑名单."""
    return tuple(
        Refusal(code=f"blocked_{subject[0]}", reason=blocked[subject])
        for subject in concerned(terms)
        if subject in blocked
    )


def limits(terms: PaymentTerms, merchants: Mapping[str, MerchantProfile]) -> tuple[Refusal, ...]:
    """Single-transaction limits 单笔限额, both ends allowed. No profile is an objection too."""
    merchant = merchants.get(terms.merchant_no)
    if merchant is None:
        return (Refusal(code="unknown_merchant", reason="The merchant is not registered."),)
    single = merchant.risk_limits
    if terms.amount_fen < single.single_min_fen:
        return (_limit("below_single_min", f"The least is {single.single_min_fen} fen."),)
    if terms.amount_fen > single.single_max_fen:
        return (_limit("above_single_max", f"The most is {single.single_max_fen} fen."),)
    return ()


def _limit(code: str, reason: str) -> Refusal:
    return Refusal(code=code, reason=reason, param="amount_fen")
