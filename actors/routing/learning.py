"""What routing learns from what became of payments: how channels do, and what counts against them.

A payment counts against the channel that was asked for it last. That the next channel is asked
proves that the one before was walked past: channels go on only when they surely were not paid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field

from actors.routing.health import Call
from actors.routing.holds import Holds
from actors.routing.limits import Taken
from actors.routing.pulses import Pulses
from actors.routing.rules import WHOLE, Segment
from bus.database import Connection
from bus.directory import Directory
from schema.days import day_of
from schema.ids import epoch_ms
from schema.messages.channels import (
    AttemptClosed,
    AttemptFailed,
    AttemptSucceeded,
    ChannelCalled,
)
from schema.messages.contract import Message
from schema.profiles import ChannelProfile

OUTCOMES = (ChannelCalled, AttemptSucceeded, AttemptFailed, AttemptClosed)

FIRST = "01"
"""How the number of a payment's first attempt ends: its reservation stands where it is."""


class Heard(Struct):
    """What one batch has told."""

    calls: dict[Segment, list[Call]] = field(default_factory=dict)
    answered: dict[Segment, list[str]] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    """Channels that payments count against now, by payment."""
    paid: dict[str, Taken] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class Learning:
    """Hears batches."""

    def __init__(self, directory: Directory, holds: Holds, pulses: Pulses) -> None:
        self._directory = directory
        self._holds = holds
        self._pulses = pulses

    async def hear(
        self, connection: Connection, messages: Sequence[Message], now: datetime
    ) -> None:
        """Learns from a batch. To hear something twice moves no reservation twice."""
        outcomes = [message for message in messages if isinstance(message, OUTCOMES)]
        channels = await self._directory.channels.find({each.channel_no or "" for each in outcomes})
        heard = sorted_out(outcomes, channels, now)
        if heard.calls or heard.answered:
            await self._pulses.learn(heard.calls, heard.answered)
        if heard.asked:
            moved = await self._holds.follow(connection, heard.asked)
            late = [taken for payment, taken in heard.paid.items() if payment not in moved]
            if late:
                await self._holds.add(connection, late)
        if heard.failed:
            await self._holds.give_back(connection, heard.failed, day_of(now))


def sorted_out(
    messages: Sequence[Message], channels: Mapping[str, ChannelProfile], now: datetime
) -> Heard:
    """What these messages tell, in their order: the last word about a payment counts."""
    heard = Heard()
    counted = {number for number, channel in channels.items() if channel.limits.is_counted}
    for message in messages:
        match message:
            case ChannelCalled(operation="create"):
                _called(heard, message)
            case ChannelCalled():
                _answered(heard, message)
            case AttemptSucceeded():
                _succeeded(heard, message, counted, now)
            case AttemptFailed(payment_id=payment_id, channel_no=channel_no):
                if channel_no in counted or not message.attempt_id.endswith(FIRST):
                    heard.failed[payment_id] = channel_no
            case AttemptClosed(payment_id=payment_id):
                heard.failed[payment_id] = message.channel_no or ""
            case _:
                pass
    return heard


def _called(heard: Heard, message: ChannelCalled) -> None:
    segment = (message.channel_no, message.pay_type)
    call = Call(
        began_ms=epoch_ms(message.called_at), outcome=message.outcome, cost_ms=message.cost_ms
    )
    for each in (segment, (message.channel_no, WHOLE)):
        heard.calls.setdefault(each, []).append(call)
    _answered(heard, message)
    if not message.attempt_id.endswith(FIRST):
        heard.asked[message.payment_id] = message.channel_no


def _answered(heard: Heard, message: ChannelCalled) -> None:
    """Whatever the channel was asked: somebody has taken care of the payment."""
    segment = (message.channel_no, message.pay_type)
    heard.answered.setdefault(segment, []).append(message.payment_id)


def _succeeded(heard: Heard, message: AttemptSucceeded, counted: set[str], now: datetime) -> None:
    paid = Call(began_ms=epoch_ms(message.paid_at), outcome="ok", is_payment=True)
    heard.calls.setdefault((message.channel_no, WHOLE), []).append(paid)
    if message.channel_no in counted or not message.attempt_id.endswith(FIRST):
        heard.asked[message.payment_id] = message.channel_no
        heard.failed.pop(message.payment_id, None)
    if message.channel_no in counted:
        heard.paid[message.payment_id] = Taken(
            payment_id=message.payment_id,
            channel_no=message.channel_no,
            day=day_of(now),
            amount_fen=message.amount_fen,
        )
