"""The audit: orders, attempts, channel, books and webhooks must say the same. Pure comparisons.

Each difference is one sentence that names the payment. None is tolerated, whatever was broken. What
only the books know of themselves, their own proof tells.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from handlers.simulator.desk.views import RefundView
from schema.ids import refund_of
from tests.faults.evidence import Evidence, PaymentRow, RefundRow

PAID = ("succeeded", "late_paid", "partially_refunded", "refunded")
ENDS = (*PAID, "failed", "closed")
GONE = ("succeeded", "abnormal")
"""Refunds whose money has left the merchant."""
REFUND_ENDS = (*GONE, "failed")
ATTEMPT_ENDS = ("succeeded", "failed", "closed")

Times = Counter[str]


def differences(evidence: Evidence) -> list[str]:
    """All of them; nothing has to be in motion any more."""
    return [
        *_ends(evidence),
        *_money(evidence),
        *_refunds(evidence),
        *_bookings(evidence),
        *_lies(evidence),
        *_balances(evidence),
        *_webhooks(evidence),
    ]


def _ends(evidence: Evidence) -> Iterator[str]:
    """Nothing is left open."""
    for payment in evidence.payments:
        if payment.state not in ENDS:
            yield f"{payment.payment_id}: {payment.state} at the end"
    for refund in evidence.refunds:
        if refund.state not in REFUND_ENDS:
            yield f"{refund.refund_id} of {refund.payment_id}: {refund.state} at the end"
    for attempt in evidence.attempts:
        if attempt.state not in ATTEMPT_ENDS:
            yield f"{attempt.attempt_id}: {attempt.state} ({attempt.channel_code}) at the end"


def _money(evidence: Evidence) -> Iterator[str]:
    """What the channel took is ours exactly once, and what came twice goes back."""
    ours = {attempt.attempt_id: attempt for attempt in evidence.attempts}
    payments = {payment.payment_id: payment for payment in evidence.payments}
    doubled = {r.attempt_id for r in evidence.refunds if r.kind == "duplicate"}
    paid = {t.number: t for t in evidence.trades if t.state == "paid" and t.number in ours}
    for number, trade in paid.items():
        payment = payments[ours[number].payment_id]
        if ours[number].state != "succeeded":
            yield f"{number}: paid at the channel, {ours[number].state} here"
        if trade.amount_fen != payment.amount_fen:
            yield f"{number}: {trade.amount_fen} fen paid, {payment.amount_fen} ordered"
        if number != payment.attempt_id and number not in doubled:
            yield f"{number}: paid at the channel, and {payment.payment_id} knows nothing of it"
    for payment in evidence.payments:
        has_money, is_paid = payment.state in PAID, payment.attempt_id in paid
        if has_money != is_paid:
            yield f"{payment.payment_id}: {payment.state}, paid at the channel: {is_paid}"


def _refunds(evidence: Evidence) -> Iterator[str]:
    """What the channel gave back, what we believe of it, and what is left of each payment."""
    there = made_there(evidence.repaid)
    ours = {refund.refund_id: refund for refund in evidence.refunds}
    merchants = {payment.payment_id[4:] for payment in evidence.payments}
    for refund_id, refund in ours.items():
        done = there.get(refund_id)
        word = {"succeeded": "refunded", "abnormal": "abnormal"}.get(refund.state)
        theirs = done.state if done and done.state != "closed" else None
        if is_owed(refund, done):
            continue
        if theirs != word:
            yield f"{refund_id}: {refund.state} here, {theirs} at the channel"
        elif done and word and done.amount_fen != refund.amount_fen:
            yield f"{refund_id}: {refund.amount_fen} fen here, {done.amount_fen} at the channel"
    for refund_id, done in there.items():
        if done.order_number[:-2] in merchants and refund_id not in ours:
            yield f"{refund_id}: the channel refunded what nobody wished"
    yield from _left(evidence)


def made_there(repaid: Iterable[RefundView]) -> dict[str, RefundView]:
    """What the channel has of each refund, by our id: what was closed there counts only where
    nothing came of it under another number."""
    asked = [each for each in repaid if not each.number.startswith("reverse-")]
    asked.sort(key=lambda each: each.state != "closed")
    return {refund_of(each.number)[0]: each for each in asked}


def is_owed(refund: RefundRow, done: RefundView | None) -> bool:
    """Whether the channel made none of an automatic refund, and its payer must get it all the
    same: a person sees to that."""
    is_made = done is not None and done.state != "closed"
    return refund.kind != "merchant" and refund.state == "abnormal" and not is_made


def _left(evidence: Evidence) -> Iterator[str]:
    back, stuck = Counter[str](), Counter[str]()
    for refund in evidence.refunds:
        if refund.kind != "duplicate":
            back[refund.payment_id] += refund.amount_fen * (refund.state == "succeeded")
            stuck[refund.payment_id] += refund.amount_fen * (refund.state == "abnormal")
    for payment in evidence.payments:
        sums = (back[payment.payment_id], stuck[payment.payment_id])
        if sums != (payment.refunded_fen, payment.refunding_fen):
            yield f"{payment.payment_id}: refunds come to {sums}"
        if (payment.state == "refunded") != (sums[0] == payment.amount_fen):
            yield f"{payment.payment_id}: {payment.state}, {sums[0]} refunded"


def _bookings(evidence: Evidence) -> Iterator[str]:
    """Each thing is booked once, and nothing else of these payments is."""
    should = Times()
    for payment in evidence.payments:
        should[f"trade:{payment.payment_id}"] = int(payment.state in PAID)
    for refund in evidence.refunds:
        should.update(_bookings_of(refund))
    booked = Counter(row.booking_key for row in evidence.bookings)
    for key, times in should.items():
        if booked[key] != times:
            yield f"{key}: booked {booked[key]} times, should be {times}"
    for refund in evidence.refunds:
        if refund.state == "failed" and refund.kind != "duplicate":
            yield from _given_up(refund, booked)
    yield from (f"{row.booking_key}: sums to {row.sum_fen}" for row in evidence.bookings
                if row.sum_fen)  # fmt: skip


def _bookings_of(refund: RefundRow) -> Times:
    done = int(refund.state == "succeeded")
    if refund.kind == "duplicate":
        returned = f"unexplained_returned:{refund.refund_id}"
        return Times({f"unexplained:{refund.attempt_id}": 1, returned: done})
    should = Times({f"refund_completed:{refund.refund_id}": done})
    if refund.state in GONE:
        should[f"refund:{refund.refund_id}"] = 1
    return should


def _given_up(refund: RefundRow, booked: Mapping[str, int]) -> Iterator[str]:
    """One that failed was either never set aside, or was given back."""
    if booked.get(f"refund_returned:{refund.refund_id}") != 1:
        yield f"refund_returned:{refund.refund_id}: not booked"


def _lies(evidence: Evidence) -> Iterator[str]:
    """What a notice has said of other money is taken back in the books, and nobody is alarmed."""
    booked = {row.booking_key for row in evidence.bookings}
    for attempt in evidence.attempts:
        number = f"mispaid.{attempt.attempt_id}"
        told, taken_back = (f"{kind}:{number}" in booked
                            for kind in ("unexplained", "unexplained_retracted"))  # fmt: skip
        if told != taken_back:
            yield f"{number}: in suspense: {told}, taken back: {taken_back}"
        if number in evidence.alarms:
            yield f"{number}: an alarm at the end"


def _balances(evidence: Evidence) -> Iterator[str]:
    """What the books say of each merchant and channel is what happened there."""
    should = defaultdict[tuple[str, str], int](int)
    channel_of = {attempt.attempt_id: attempt.channel_no for attempt in evidence.attempts}
    for trade in evidence.trades:
        if trade.state == "paid" and trade.number in channel_of:
            should["channel.clearing", channel_of[trade.number]] -= trade.amount_fen
    for done in evidence.repaid:
        if done.state == "refunded" and done.order_number in channel_of:
            should["channel.clearing", channel_of[done.order_number]] += done.amount_fen
    for payment in evidence.payments:
        should["merchant.refunding", payment.merchant_no] += payment.refunding_fen
        should["merchant.payable", payment.merchant_no] += _kept(payment)
    stand = {(row.name, row.owner): row.fen for row in evidence.balances}
    for (name, owner), fen in should.items():
        if stand.get((name, owner), 0) != fen:
            yield f"{name} of {owner}: stands at {stand.get((name, owner), 0)}, should be {fen}"


def _kept(payment: PaymentRow) -> int:
    """What the merchant has of a payment. Only what came late and went back costs no fee."""
    if payment.state not in PAID:
        return 0
    went_back = payment.refunded_fen + payment.refunding_fen
    is_free = payment.is_late and payment.late_payment == "refund"
    fee_fen = 0 if is_free and went_back else payment.fee_fen or 0
    return payment.amount_fen - fee_fen - went_back


def _webhooks(evidence: Evidence) -> Iterator[str]:
    """Each end is told once, under one id however often it came; nobody is told anything else."""
    should = Counter(_to_be_told(evidence))
    stored = Counter((row.type, row.about) for row in evidence.told)
    for what in sorted(should | stored):
        if stored[what] != should[what]:
            yield f"{what[1]}: {what[0]} stored {stored[what]} times, should be {should[what]}"
    yield from (f"{row.event_id}: {row.state}" for row in evidence.told if row.state != "delivered")
    ids = defaultdict[tuple[str, str], set[str]](set)
    for event_id, type, about in evidence.heard:
        ids[type, about].add(event_id)
    for what in sorted(should.keys() | ids.keys()):
        if len(ids[what]) != should[what]:
            yield f"{what[1]}: {what[0]} heard as {len(ids[what])}, should be {should[what]}"


def _to_be_told(evidence: Evidence) -> Iterator[tuple[str, str]]:
    was_told_its_end = {
        row.about: row.type for row in evidence.told
        if row.type in ("payment.closed", "payment.failed")
    }  # fmt: skip
    for payment in evidence.payments:
        number = payment.payment_id
        if payment.is_late:
            yield was_told_its_end.get(number, "payment.closed"), number
        if payment.state in PAID:
            late = payment.is_late and payment.late_payment == "refund"
            yield ("payment.late_paid" if late else "payment.succeeded"), number
        else:
            yield f"payment.{payment.state}", number
    stuck = {row.about for row in evidence.told if row.type == "refund.abnormal"}
    for refund in evidence.refunds:
        if refund.state == "succeeded" and refund.refund_id in stuck:
            yield "refund.abnormal", refund.refund_id
        yield f"refund.{refund.state}", refund.refund_id
