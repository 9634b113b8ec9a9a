"""What is booked when: the table of postings, and how a booking becomes entries. Pure.

Signs: an entry above zero means that we owe the account's owner more (a credit); below zero, that
more is owed to us (a debit). Amounts are fen. Every row of the table sums to zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b

import msgspec
from msgspec import Struct

from actors.accounting.account import MAY_CREDIT, Account, beyond_limit, moved, objection
from actors.accounting.ledger import Booking, Entry, Ledger
from actors.accounting.postings import Guard, Line, Posting, posting, suspense_of
from actors.accounting.rates import Fee
from schema.payments import Refusal

# fmt: off
POSTINGS: dict[str, Posting] = {
    # A payer has paid. The channel settles to us 二清: it owes us the gross less its own cost, we
    # owe the merchant the net. Or it settles to the merchant 直清: then he owes us the fee.
    "trade.platform":        posting("fact",  "channel.clearing -received", "channel.cost -cost",
                                              "merchant.payable +net", "platform.fee_income +fee"),
    "trade.direct":          posting("fact",  "merchant.receivable -fee",
                                              "platform.fee_income +fee"),
    # Money goes back to the payer. `fee` is what the refund costs less what the trade's fee gives
    # back, so it may be below zero.
    "refund.platform":       posting("asked", "merchant.payable -total", "channel.clearing +gross",
                                              "platform.fee_income +fee"),
    "refund.direct":         posting("asked", "merchant.receivable -fee",
                                              "platform.fee_income +fee"),
    # Or the channel has yet to pay it back: the money is set aside until it has, or has proved that
    # it has not. Where it settles to the merchant only the fee is ours.
    "refund.platform.waiting": posting("asked", "merchant.payable -total",
                                              "merchant.refunding +gross",
                                              "platform.fee_income +fee"),
    "refund_completed":      posting("fact",  "merchant.refunding -gross",
                                              "channel.clearing +gross"),
    "refund_returned.platform": posting("fact", "merchant.refunding -gross",
                                              "platform.fee_income -fee",
                                              "merchant.payable +total"),
    "refund_returned.direct": posting("fact", "platform.fee_income -fee",
                                              "merchant.receivable +fee"),
    # A payer's money that belongs to no order, and goes back.
    "unexplained":           posting("fact",  "channel.clearing -received", "channel.cost -cost",
                                              "platform.suspense +gross"),
    "unexplained_returned":  posting("fact",  "platform.suspense -gross",
                                              "channel.clearing +gross"),
    # Or there never was any: the channel has taken back what it had said.
    "unexplained_retracted": posting("fact",  "platform.suspense -gross",
                                              "channel.clearing +gross"),
    # Money leaves for the owner's bank, arrives there, or comes back 退汇, even after it arrived.
    "withdrawal":            posting("asked", "party.payable -total", "party.in_transit +gross",
                                              "platform.fee_income +fee"),
    "withdrawal.held":       posting("asked", "party.frozen -total", "party.in_transit +gross",
                                              "platform.fee_income +fee"),
    "settlement":            posting("asked", "party.payable -gross", "party.in_transit +net",
                                              "platform.fee_income +fee"),
    "payout_completed":      posting("fact",  "party.in_transit -gross", "platform.bank +gross"),
    "payout_returned":       posting("fact",  "party.in_transit -gross", "platform.fee_income -fee",
                                              "party.payable +total"),
    "payout_returned.late":  posting("fact",  "platform.bank -gross", "platform.fee_income -fee",
                                              "party.payable +total"),
    # Between owners, and between an owner and us.
    "transfer":              posting("asked", "party.payable -gross", "other.payable +gross"),
    "charge":                posting("asked", "party.payable -gross", "platform.fee_income +gross"),
    "profit_share":          posting("asked", "platform.fee_income -gross", "agent.payable +gross"),
    "receipt":               posting("fact",  "channel.clearing +gross", "platform.bank -gross"),
    # Between an owner's own accounts.
    "hold":                  posting("own",   "party.payable -gross", "party.frozen +gross"),
    "release":               posting("own",   "party.frozen -gross", "party.payable +gross"),
    "deposit_taken":         posting("own",   "party.payable -gross", "party.deposit +gross"),
    "deposit_given_back":    posting("own",   "party.deposit -gross", "party.payable +gross"),
}
# fmt: on
# An adjustment 调账 has no row: it moves an amount between two accounts that people have named.

FROM_OUTSIDE_THE_RESERVE = frozenset({"withdrawal", "settlement"})
"""What may only be paid out of what is outside the risk reserve."""


class Draft(Struct, frozen=True, kw_only=True):
    """A booking before it is posted."""

    kind: str
    key: str
    subject: str
    party: str | None = None
    channel_no: str | None = None
    funds_flow: str | None = None
    amount_fen: int
    fee: Fee = Fee(0)
    digest: bytes
    guard: Guard
    lines: Sequence[Line]


def digest_of(asked: Struct) -> bytes:
    """A fingerprint of all that was asked, to tell a repeat from another wish under its number."""
    return blake2b(msgspec.json.encode(asked), digest_size=8).digest()


def post(
    ledger: Ledger, draft: Draft, now: datetime
) -> tuple[Booking | Account | Entry, ...] | Refusal:
    """The booking with its entries and the accounts they move, or why it may not be."""
    assert sum(line.amount_fen for line in draft.lines) == 0, f"{draft.key} is unbalanced"
    booking = Booking(
        booking_id=ledger.next_booking_id(),
        booking_key=draft.key,
        kind=draft.kind,
        subject=draft.subject,
        party=draft.party,
        channel_no=draft.channel_no,
        funds_flow=draft.funds_flow,
        amount_fen=draft.amount_fen,
        fee_fen=draft.fee.fee_fen,
        digest=draft.digest,
        booked_at=now,
    )
    posted: list[Booking | Account | Entry] = [booking]
    standing: dict[int, Account] = {}
    for line in draft.lines:
        account = account_for(ledger, line, draft.guard)
        account = standing.get(account.account_id, account)
        after = moved(account, line.amount_fen, draft.kind, now)
        refusal = refused(account, after, line.amount_fen, draft)
        if refusal is not None:
            return refusal
        standing[account.account_id] = after
        posted += (after, entry_of(booking, draft, account, after, line.amount_fen))
    return tuple(posted)


def account_for(ledger: Ledger, line: Line, guard: Guard) -> Account:
    """The account of a line; for what has happened already, suspense where the account is closed
    to it."""
    account = ledger.account(line.place)
    if guard == "fact" and takes_nothing_in(account) and line.amount_fen > 0:
        suspense = suspense_of(account.key)
        return account if suspense is None else ledger.account(suspense)
    return account


def takes_nothing_in(account: Account) -> bool:
    """Whether money that comes in must go to its owner's suspense account."""
    return account.state not in MAY_CREDIT


def refused(account: Account, after: Account, amount_fen: int, draft: Draft) -> Refusal | None:
    """Why a side may not be posted, by the posting's guard."""
    if draft.guard == "fact":
        return None
    outside = account.out_of_reserve_fen
    is_paid_out = amount_fen < 0 and account.kind == "payable"
    if is_paid_out and draft.kind in FROM_OUTSIDE_THE_RESERVE and outside + amount_fen < 0:
        reason = f"{max(0, outside)} fen of account {account.account_no} are out of the reserve"
        return Refusal(code="insufficient_balance", reason=reason, param="amount_fen")
    if draft.guard == "own":
        return beyond_limit(account, after, amount_fen)
    return objection(account, after, amount_fen)


def entry_of(
    booking: Booking, draft: Draft, account: Account, after: Account, amount_fen: int
) -> Entry:
    """The entry that moves an account. The party's own entry keeps the fee and its rate."""
    is_partys = account.owner == draft.party
    fee = draft.fee
    return Entry(
        booking_id=booking.booking_id,
        account_id=account.account_id,
        serial=after.serial,
        amount_fen=amount_fen,
        balance_after_fen=after.balance_fen,
        booked_at=after.moved_at,
        kind=draft.kind,
        currency=account.currency,
        fee_fen=fee.fee_fen if is_partys else None,
        rate_ppm=fee.rate_ppm if is_partys else None,
        rate_no=fee.rate_no if is_partys else None,
    )
