"""After the run: what the clients saw, what each room stored and what the channel did must agree.

Pure comparisons. Every difference is one sentence that names the payment; none is tolerated.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from msgspec import Struct

from bench.orders import Order
from bench.traffic import Report
from bench.truths import AccountRow, BookingRow, PaymentRow, Truths

SUCCEEDED = "payment.succeeded"


class Check(Struct, frozen=True, kw_only=True):
    """One comparison: how many things were compared, and each that differs."""

    name: str
    compared: int
    differences: list[str]


class Terms(Struct, frozen=True, kw_only=True):
    """What was agreed for this run."""

    rate_ppm: int
    channel_no: str
    elsewhere: Mapping[str, str] = {}
    """Merchants who are paid through another channel, and which."""


def reconcile(report: Report, truths: Truths, terms: Terms) -> list[Check]:
    """All comparisons."""
    orders, payments = report.orders, truths.payments
    return [
        _check("what clients ordered is paid", orders, _orders_against(orders, payments)),
        _check("fees are right", payments, _fees(payments, terms.rate_ppm)),
        _check(
            "each payment is booked once", truths.bookings, _bookings(truths.bookings, payments)
        ),
        _check("accounts add up", truths.accounts, _accounts(truths.accounts, payments, terms)),
        _check("the channel agrees", truths.trades, _trades(truths)),
        _check("merchants were told once", orders, _webhooks(report, truths)),
    ]


def duplicates(orders: Iterable[Order]) -> int:
    """Webhooks that came again: allowed (at least once), but counted."""
    return sum(max(len(order.hooks) - 1, 0) for order in orders)


def _check(name: str, compared: Sequence[object], differences: Iterator[str]) -> Check:
    return Check(name=name, compared=len(compared), differences=list(differences))


def _orders_against(orders: Sequence[Order], payments: Sequence[PaymentRow]) -> Iterator[str]:
    stored = {(row.merchant_no, row.merchant_order_no): row for row in payments}
    if not orders:
        yield "nothing was ordered"
    for order in orders:
        row = stored.pop((order.merchant_no, order.order_no), None)
        if row is None:
            if order.is_taken:
                yield f"{order.order_no}: answered {order.status}, but not stored"
            continue
        if row.state != "succeeded":
            yield f"{row.payment_id}: {row.state}, not succeeded"
        if row.amount_fen != order.amount_fen:
            yield f"{row.payment_id}: {row.amount_fen} fen stored, {order.amount_fen} ordered"
        if order.payment_id and order.payment_id != row.payment_id:
            yield f"{row.payment_id}: the client was answered {order.payment_id}"
        if order.state == "failed":
            yield f"{row.payment_id}: the client was answered that it failed"
    yield from (f"{row.payment_id}: stored, but nobody ordered it" for row in stored.values())


def _fees(payments: Sequence[PaymentRow], rate_ppm: int) -> Iterator[str]:
    for row in payments:
        fee_fen = _fee_fen(row.amount_fen, rate_ppm)
        if row.fee_fen != fee_fen:
            yield f"{row.payment_id}: fee {row.fee_fen}, should be {fee_fen}"


def _bookings(bookings: Sequence[BookingRow], payments: Sequence[PaymentRow]) -> Iterator[str]:
    succeeded = {row.payment_id: row for row in payments if row.state == "succeeded"}
    times = Counter(booking.payment_id for booking in bookings)
    yield from _not_once(times, succeeded, "booked")
    for booking in bookings:
        payment = succeeded.get(booking.payment_id)
        if booking.sum_fen != 0:
            yield f"{booking.booking_key}: entries sum to {booking.sum_fen}"
        if payment is not None and booking.gross_fen != payment.amount_fen:
            yield f"{booking.booking_key}: {booking.gross_fen} fen, not {payment.amount_fen}"


def _accounts(
    accounts: Sequence[AccountRow], payments: Sequence[PaymentRow], terms: Terms
) -> Iterator[str]:
    """Clearing, payable and fee totals, from the payments and the agreed rate alone."""
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for row in payments:
        fee_fen = _fee_fen(row.amount_fen, terms.rate_ppm)
        channel_no = terms.elsewhere.get(row.merchant_no, terms.channel_no)
        expected["channel.clearing", channel_no] -= row.amount_fen
        expected["merchant.payable", row.merchant_no] += row.amount_fen - fee_fen
        expected["platform.fee_income", "platform"] += fee_fen
    for account in accounts:
        name, should = (
            f"{account.kind} of {account.owner}",
            expected.pop((account.kind, account.owner), 0),
        )
        if account.balance_fen != should:
            yield f"{name}: {account.balance_fen} fen, should be {should}"
        if account.posted_fen != account.balance_fen:
            yield f"{name}: {account.balance_fen} fen, entries add up to {account.posted_fen}"
    for (kind, owner), should in expected.items():
        if should:
            yield f"{kind} of {owner}: no account, should be {should}"


def _trades(truths: Truths) -> Iterator[str]:
    """The simulator's paid trades, our succeeded attempts and our payments are the same ones."""
    amounts = {row.payment_id: row.amount_fen for row in truths.payments}
    attempts = {row.attempt_id: row for row in truths.attempts}
    paid: Counter[str] = Counter()
    for trade in truths.trades:
        attempt = attempts.get(trade.number)
        if attempt is None:
            yield f"{trade.number}: the channel has a trade that we know nothing of"
        elif trade.state == "paid":
            paid[attempt.payment_id] += 1
            if not amounts.get(attempt.payment_id) == trade.amount_fen == attempt.paid_fen:
                yield f"{attempt.payment_id}: the channel took {trade.amount_fen} fen"
            if attempt.state != "succeeded":
                yield f"{attempt.payment_id}: paid at the channel, {attempt.state} here"
    yield from _not_once(paid, amounts, "paid at the channel")


def _webhooks(report: Report, truths: Truths) -> Iterator[str]:
    stored = {row.notification_id: row for row in truths.notifications}
    succeeded = {row.payment_id for row in truths.payments if row.state == "succeeded"}
    times = Counter(row.payment_id for row in truths.notifications if row.type == SUCCEEDED)
    yield from _not_once(times, succeeded, "in the list of notifications")
    yield from (f"{row.notification_id}: {row.state}" for row in stored.values()
                if row.state != "delivered")  # fmt: skip
    told: Counter[str] = Counter()
    for order in report.orders:
        told.update({hook.payment_id for hook in order.hooks if hook.type == SUCCEEDED})
        for webhook_id in {hook.webhook_id for hook in order.hooks} - stored.keys():
            yield f"{order.order_no}: told by {webhook_id!r}, which we do not know"
        if any(hook.amount_fen != order.amount_fen for hook in order.hooks):
            yield f"{order.order_no}: told another amount than {order.amount_fen}"
    yield from _not_once(told, succeeded, "told to its merchant")
    yield from (
        f"{webhook_id}: about an order that nobody placed" for webhook_id in report.strangers
    )
    yield from (f"{webhook_id}: the signature is wrong" for webhook_id in report.forged)
    if report.orders and not report.verified:
        yield "no signature was checked"


def _not_once(times: Mapping[str, int], should: Iterable[str], what: str) -> Iterator[str]:
    """Each of these exactly once, and nothing else at all."""
    wanted = set(should)
    for key in sorted(wanted | times.keys()):
        count, expected = times.get(key, 0), int(key in wanted)
        if count != expected:
            yield f"{key}: {what} {count} times, should be {expected}"


def _fee_fen(amount_fen: int, rate_ppm: int) -> int:
    """The fee by decimal arithmetic: another way than the platform's own, on purpose."""
    exact = Decimal(amount_fen) * rate_ppm / 1_000_000
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
