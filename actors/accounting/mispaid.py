"""Alarms about other money than was asked for, raised and taken back. Pure.

Such money is nobody's yet, so its alarm stops nobody. Raising and taking back may be heard in any
order: an alarm that was taken back first stands there cleared, and is not raised any more.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import asdict, replace

from actors.accounting.ledger import Alarm, Ledger
from actors.accounting.wishes import Mispaid, mispaid_no
from schema.accounts import PLATFORM
from schema.messages.accounting import LedgerBroken
from schema.messages.channels import AttemptMispaidRetracted


def alarm_of(fact: Mispaid) -> LedgerBroken:
    """What is to be looked at."""
    return LedgerBroken(
        alarm_no=mispaid_no(fact),
        check_name="mispaid",
        role=PLATFORM,
        owner=PLATFORM,
        account_no="",
        detail=(
            f"{fact.channel_no} says that {fact.paid_fen} {fact.paid_currency} were paid for "
            f"{fact.payment_id}, and {fact.asked_fen} {fact.asked_currency} were asked for"
        ),
    )


def cleared_by_channel(
    ledger: Ledger, fact: AttemptMispaidRetracted, now: datetime
) -> tuple[Alarm, ...]:
    """The alarm with its end; nothing where somebody has cleared it."""
    alarm = ledger.alarms.get(mispaid_no(fact))
    if alarm is None:
        alarm = Alarm(**asdict(alarm_of(fact)), raised_at=now)
    if alarm.cleared_at is not None:
        return ()
    reason = (
        f"asked again, {fact.channel_no} says that {fact.asked_fen} {fact.asked_currency} were "
        "paid, as was asked for: what it had said before was wrong"
    )
    return (replace(alarm, cleared_at=now, cleared_by="system", reason=reason),)
