"""What the doors say: wishes of merchants and upstream systems, and notices of channels."""

from __future__ import annotations

from schema.events import Moment
from schema.messages.contract import Message, answer, command, fact
from schema.payments import PaymentRequest, Refusal
from schema.text import ChannelNo, MerchantNo


@command("payment.place", owner="doors", to="ordering")
class PlacePayment(Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take this order and have it paid. A repeat of the same order number gets the first answer."""

    merchant_no: MerchantNo
    request: PaymentRequest


@fact("channel.notified", owner="doors")
class ChannelNotified(Message, frozen=True, kw_only=True):
    """A channel called us back and its signature is good; the body is exactly what it sent."""

    channel_no: ChannelNo
    notice_id: str
    """The channel's own id of the notice: unique per channel, repeated when it retries."""
    body: str


@answer("request.refused", owner="doors")
class RequestRefused(Message, frozen=True, kw_only=True):
    """A message from an upstream system was not let in; it lies in the dead-letter queue."""

    refusal: Refusal


@command("lane.pause", owner="doors", to="lanes")
class PauseLane(Message, frozen=True, kw_only=True):
    """Serve this lane no more until then, or until it is resumed; its messages stay in it."""

    actor: str
    lane: str
    reason: str
    until: Moment | None = None


@command("lane.drain", owner="doors", to="lanes")
class DrainLane(Message, frozen=True, kw_only=True):
    """Finish what is in hand of this lane, and begin nothing more until it is resumed."""

    actor: str
    lane: str
    reason: str


@command("lane.resume", owner="doors", to="lanes")
class ResumeLane(Message, frozen=True, kw_only=True):
    """Serve this lane again, whatever holds it."""

    actor: str
    lane: str
