"""What the channels' own bills say, fetched through their real interfaces in our languages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

from actors.channels.checkup import fetch_bill
from actors.channels.talk.accounts import opened
from actors.channels.talk.keyring import Keyring
from actors.channels.talk.sender import Sender
from bus.database import connect
from bus.directory import stored_channel
from bus.vault import Vault
from handlers.simulator.world.clock import china_day
from schema.channels.bills import NoBill, TradeBill, TradeLine
from schema.channels.language import Protocols
from schema.channels.wishes import BillWish
from schema.ids import refund_number
from tests.faults.audit import GONE, is_owed, made_there
from tests.faults.evidence import Evidence
from tests.faults.town import Town, channel_of

WITH_BILLS: tuple[Protocols, ...] = ("wechat", "alipay", "bank")
"""UnionPay gives its bills to a file server of the merchant's; there the audit has its orders."""

Line = tuple[str, str, int]
"""Payment or refund, our number, and the amount."""


async def against_bills(town: Town, evidence: Evidence) -> tuple[int, list[str]]:
    """How many lines there are, and each that differs from what we believe."""
    url = f"{town.programs['simulator'].url}/simulator/clock"
    async with town.session.post(url, json={"close_day": True}) as answer:
        assert answer.status == 200, await answer.text()
    lines, wrong = 0, list[str]()
    for protocol in WITH_BILLS:
        theirs = await _billed(town, channel_of(protocol), _days(evidence))
        ours = Counter(_believed(evidence, channel_of(protocol)))
        lines += theirs.total()
        wrong += [f"{protocol} bill only: {line}" for line in (theirs - ours).elements()]
        wrong += [f"not in the {protocol} bill: {line}" for line in (ours - theirs).elements()]
    return lines, wrong


def _days(evidence: Evidence) -> list[date]:
    """Those on which anything was paid or given back."""
    moments = [trade.paid_at for trade in evidence.trades]
    moments += [refund.refunded_at for refund in evidence.repaid]
    return sorted({china_day(moment) for moment in moments if moment})


def _believed(evidence: Evidence, channel_no: str) -> Iterator[Line]:
    ours = {a.attempt_id: a for a in evidence.attempts if a.channel_no == channel_no}
    amounts = {payment.payment_id: payment.amount_fen for payment in evidence.payments}
    there = made_there(evidence.repaid)
    for attempt in ours.values():
        if attempt.state == "succeeded":
            yield "payment", attempt.attempt_id, amounts[attempt.payment_id]
    for refund in evidence.refunds:
        done = there.get(refund.refund_id)
        is_gone = refund.state in GONE and not is_owed(refund, done)
        if refund.attempt_id in ours and is_gone:
            number = done.number if done else refund_number(refund.refund_id)
            yield "refund", number, refund.amount_fen


async def _billed(town: Town, channel_no: str, days: list[date]) -> Counter[Line]:
    pool, vault = await connect(town.site.postgres_url, size_max=1), Vault(town.site.master_key)
    profile = await stored_channel(pool, channel_no)
    await pool.close()
    assert profile is not None
    keyring, lines = Keyring(None, Sender()), Counter[Line]()
    await keyring.start()
    try:
        for day in days:
            bill = await fetch_bill(keyring, opened(profile, vault), BillWish(day=day))
            assert isinstance(bill, TradeBill | NoBill), bill
            lines.update(map(_line, bill.lines if isinstance(bill, TradeBill) else ()))
    finally:
        await keyring.stop()
    return lines


def _line(line: TradeLine) -> Line:
    return line.kind, line.number, line.amount_fen
