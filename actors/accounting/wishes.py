"""From a wish to a booking: who is touched, at which price, and what its booking says. Pure.

Everything that a wish touches can be told from the wish alone, so that it is locked beforehand;
whether it may be is decided on what was locked: that is `workings.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from actors.accounting.chart import AccountKey
from actors.accounting.ledger import Ledger, TradeUse
from actors.accounting.postings import Amounts, Line, Parties, keys_of, lines_of
from actors.accounting.rates import Fee, fee_of, rate_at
from actors.accounting.rules import POSTINGS, Draft, digest_of
from schema.accounts import PLATFORM, RateKind
from schema.bookings import (
    Booked,
    PartyWish,
    PayoutReturned,
    ProfitShare,
    Receipt,
    Refund,
    RefundCompleted,
    RefundReturned,
    Settlement,
    Trade,
    Transfer,
    Unexplained,
    UnexplainedRetracted,
    UnexplainedReturned,
    Withdrawal,
)
from schema.messages.channels import AttemptMispaid, AttemptMispaidRetracted
from schema.messages.ordering import (
    PaymentDuplicated,
    PaymentSucceeded,
    RefundFailed,
    RefundPlaced,
    RefundSucceeded,
)
from schema.payments import Refusal
from schema.refunds import RefundTerms

Changes = tuple[Struct, ...]
Worked = tuple[Draft, Changes] | Refusal
"""A booking to be posted with the rows that change with it, or why there is none."""

US = {"platform": (PLATFORM, PLATFORM)}


def trade_of(paid: PaymentSucceeded) -> Trade:
    """What a payment's success asks to have booked; its fee was agreed when it was ordered."""
    assert paid.funds_flow in ("platform", "direct")
    flow: Literal["platform", "direct"] = "platform" if paid.funds_flow == "platform" else "direct"
    return Trade(
        no=paid.payment.id,
        currency=paid.payment.currency,
        merchant_no=paid.payment.merchant_no,
        channel_no=paid.channel_no,
        funds_flow=flow,
        amount_fen=paid.amount_fen,
        fee_fen=paid.fee_fen,
        rate_ppm=paid.fee_rate_ppm,
        cost_fen=paid.cost_fen,
        pay_type=paid.payment.pay_type,
    )


Mispaid = AttemptMispaid | AttemptMispaidRetracted
Caused = PaymentDuplicated | Mispaid | RefundPlaced | RefundSucceeded | RefundFailed
"""Facts of other rooms that ask for a booking, beside a payment's success."""


def wishes_of(fact: Caused) -> tuple[Booked, ...]:
    """What a fact asks to have booked; nothing where the money is none of ours."""
    match fact:
        case PaymentDuplicated(funds_flow="platform"):
            return (
                Unexplained(
                    no=fact.attempt_id,
                    currency=fact.currency,
                    channel_no=fact.channel_no,
                    amount_fen=fact.amount_fen,
                    cost_fen=fact.cost_fen,
                ),
            )
        case AttemptMispaid() | AttemptMispaidRetracted():
            return _unexplained(fact)
        case PaymentDuplicated():
            return ()
        case RefundPlaced(terms=terms):
            return (refund_of(terms),) if terms.kind != "duplicate" else ()
        case RefundSucceeded(terms=terms) if terms.kind == "duplicate":
            return (_given_back(terms),) if terms.funds_flow == "platform" else ()
        case RefundSucceeded(terms=terms):
            return (RefundCompleted(**_parties(terms)),)
        case RefundFailed(terms=terms):
            return (RefundReturned(**_parties(terms)),) if terms.kind != "duplicate" else ()


def _unexplained(fact: Mispaid) -> tuple[Booked, ...]:
    """Whichever of the two is heard first, together they leave nothing. Its number is the alarm's
    and not the attempt's, which may have been paid for a second time, too."""
    if fact.funds_flow != "platform" or fact.paid_currency != "CNY" or not fact.paid_fen:
        return ()
    said = Unexplained if isinstance(fact, AttemptMispaid) else UnexplainedRetracted
    return (said(no=mispaid_no(fact), channel_no=fact.channel_no, amount_fen=fact.paid_fen),)


def mispaid_no(fact: Mispaid) -> str:
    """The number of the booking and of the alarm; an attempt has one at the most."""
    return f"mispaid.{fact.attempt_id}"


def refund_of(terms: RefundTerms) -> Refund:
    """What a refund asks to have set aside until its channel has paid it back."""
    is_free = terms.kind == "late"
    amount_fen = terms.refund_fen
    return Refund(**_parties(terms), amount_fen=amount_fen, is_waiting=True, is_free=is_free)


def _given_back(terms: RefundTerms) -> UnexplainedReturned:
    return UnexplainedReturned(
        no=terms.refund_id,
        currency=terms.currency,
        channel_no=terms.channel_no,
        amount_fen=terms.refund_fen,
    )


def _parties(terms: RefundTerms) -> dict[str, Any]:
    return {
        "no": terms.refund_id,
        "currency": terms.currency,
        "payment_id": terms.payment_id,
        "merchant_no": terms.merchant_no,
        "channel_no": terms.channel_no,
        "funds_flow": terms.funds_flow,
    }


def parties_of(wish: Booked) -> Parties:
    """Everybody whom the wish speaks of, by what they are in it."""
    match wish:
        case Trade() | Refund() | RefundCompleted() | RefundReturned():
            merchant, channel = ("merchant", wish.merchant_no), ("channel", wish.channel_no)
            return US | {"merchant": merchant, "channel": channel}
        case Transfer():
            party, other = (wish.role, wish.owner), (wish.to_role, wish.to_owner)
            return {"party": party, "other": other}
        case Receipt() | Unexplained() | UnexplainedReturned() | UnexplainedRetracted():
            return US | {"channel": ("channel", wish.channel_no)}
        case ProfitShare():
            return US
        case _:
            return US | {"party": (wish.role, wish.owner)}


def rows_of(wish: Booked) -> tuple[str, ...]:
    """The rows of the table that this wish may need, before it is known which."""
    match wish:
        case Refund(is_waiting=True, funds_flow="platform"):
            return ("refund.platform.waiting",)
        case Trade() | Refund() | RefundReturned():
            return (f"{wish.kind}.{wish.funds_flow}",)
        case Withdrawal(hold_no=str()):
            return ("withdrawal.held",)
        case PayoutReturned():
            return ("payout_returned", "payout_returned.late")
        case _:
            return (wish.kind,)


def touched(wish: Booked) -> Iterable[AccountKey]:
    """The accounts that have to be locked for it."""
    if isinstance(wish, ProfitShare):
        yield AccountKey(PLATFORM, "fee_income", PLATFORM, wish.currency)
        for share in wish.shares:
            yield AccountKey("agent", "payable", share.agent_no, wish.currency)
        return
    rows = (POSTINGS[name] for name in rows_of(wish))
    yield from keys_of(rows, parties_of(wish), wish.currency)
    if isinstance(wish, Refund):  # its policy stands there, whoever settles
        yield payable_of(wish)


def payable_of(wish: Booked) -> AccountKey:
    """The account whose rates and policies hold for a wish."""
    match wish:
        case Trade() | Refund() | RefundCompleted() | RefundReturned():
            return AccountKey("merchant", "payable", wish.merchant_no, wish.currency)
        case PartyWish():
            return AccountKey(wish.role, "payable", wish.owner, wish.currency)
        case _:
            raise AssertionError(f"{wish.key} has no party")


def draft_of(
    wish: Booked,
    row: str,
    amounts: Amounts,
    *,
    fee: Fee | None = None,
    subject: str = "",
    lines: Sequence[Line] | None = None,
) -> Draft:
    """The booking of a wish by one row of the table."""
    if lines is None:
        lines = lines_of(POSTINGS[row], parties_of(wish), amounts, wish.currency)
    return Draft(
        kind=wish.kind,
        key=wish.key,
        subject=subject or wish.no,
        party=getattr(wish, "owner", None) or getattr(wish, "merchant_no", None),
        channel_no=getattr(wish, "channel_no", None),
        funds_flow=getattr(wish, "funds_flow", None),
        amount_fen=amounts.gross,
        fee=Fee(amounts.fee) if fee is None else fee,
        digest=digest_of(wish),
        guard=POSTINGS[row].guard,
        lines=lines,
    )


def trade_use(ledger: Ledger, payment_id: str, wish: Refund | None) -> TradeUse | Refusal:
    """What has come after a trade so far; a refund must name the trade's own parties."""
    booked = ledger.booked.get(f"trade:{payment_id}")
    if booked is None:
        reason = f"{payment_id} is not in the books"
        return Refusal(code="trade_not_booked", reason=reason, param="payment_id")
    if wish is not None:
        named = (wish.merchant_no, wish.channel_no, wish.funds_flow)
        if named != (booked.party, booked.channel_no, booked.funds_flow):
            reason = "merchant, channel or flow of funds are not those of the payment"
            return Refusal(code="not_of_this_payment", reason=reason, param="payment_id")
    return ledger.trades.get(payment_id) or TradeUse(
        payment_id=payment_id, amount_fen=booked.amount_fen, fee_fen=booked.fee_fen
    )


def agreed_fee(
    ledger: Ledger, wish: Withdrawal | Settlement, kind: RateKind, amount_fen: int, now: datetime
) -> Fee:
    """The fee that was asked for, or the one by the account's rate."""
    if wish.fee_fen is not None:
        return Fee(wish.fee_fen)
    return own_fee(ledger, wish, kind, amount_fen, now)


def own_fee(
    ledger: Ledger, wish: Any, kind: RateKind, amount_fen: int, now: datetime, pay_type: str = ""
) -> Fee:
    """The fee by the account's own rate."""
    account = ledger.account(payable_of(wish))
    rate = rate_at(ledger.rates, account.account_id, kind, pay_type, now)
    return fee_of(rate, amount_fen, ledger.volumes[account.account_id, kind])
