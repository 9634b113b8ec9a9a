"""What the doors say: wishes of merchants and upstream systems, and notices of channels."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from schema.events import Moment
from schema.messages.contract import Message, answer, command, fact
from schema.payments import PaymentRequest, Refusal
from schema.products import PayType
from schema.refunds import RefundRequest
from schema.text import (
    PRINTABLE,
    ChannelNo,
    ClientIp,
    LaneName,
    MerchantNo,
    PaymentId,
    RefundId,
    WebUrl,
)
from schema.webhooks import (
    Acceptance,
    EndpointId,
    EndpointTerms,
    EventId,
    NotificationId,
    SealedSecret,
    WebhookType,
)

RESENT_AT_ONCE_MAX = 100
"""A longer replay is several messages, so that no transaction grows with it."""


@command("payment.place", owner="doors", to="ordering", outside=True)
class PlacePayment(Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take this order and have it paid. A repeat of the same order number gets the first answer."""

    merchant_no: MerchantNo
    request: PaymentRequest


@command("payment.close", owner="doors", to="ordering", outside=True)
class ClosePayment(Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nobody shall pay this order any more. What is paid already stays paid."""

    merchant_no: MerchantNo
    payment_id: PaymentId


@command("payment.choose", owner="doors", to="ordering")
class ChoosePayType(Message, frozen=True, kw_only=True):
    """The payer wants to pay this order so. An earlier choice is closed first."""

    payment_id: PaymentId
    pay_type: PayType
    client_ip: ClientIp | None = None
    return_url: WebUrl | None = None
    """Where the payer's browser goes afterwards: back to our page."""


@command("refund.place", owner="doors", to="ordering", outside=True)
class PlaceRefund(Message, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Give the payer this back. A repeat of the same refund number gets the first answer."""

    merchant_no: MerchantNo
    request: RefundRequest


@command("repayment.repeat", owner="doors", to="channels.refunds")
class RepeatRepayment(Message, frozen=True, kw_only=True):
    """Ask the channel once more for an automatic refund that it has refused; under a new number,
    where it says again that it keeps a dead one under the last."""

    refund_id: RefundId


@fact("channel.notified", owner="doors")
class ChannelNotified(Message, frozen=True, kw_only=True):
    """A channel called us back and its signature is good; the body is exactly what it sent."""

    channel_no: ChannelNo
    notice_id: str
    """The channel's own id of the notice: unique per channel, repeated when it retries."""
    body: str
    encoding: Literal["utf-8", "base64"] = "utf-8"
    """Of the body: base64 where it is not text that everybody can store."""


@answer("request.refused", owner="doors", outside=True)
class RequestRefused(Message, frozen=True, kw_only=True):
    """A message from an upstream system was not let in; it lies in the dead-letter queue."""

    refusal: Refusal


@command("lane.pause", owner="doors", to="lanes")
class PauseLane(Message, frozen=True, kw_only=True):
    """Serve this lane no more until then, or until it is resumed; its messages stay in it."""

    actor: Annotated[str, Meta(min_length=1, max_length=32)]
    lane: LaneName
    reason: Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
    until: Moment | None = None


@command("lane.drain", owner="doors", to="lanes")
class DrainLane(Message, frozen=True, kw_only=True):
    """Finish what is in hand of this lane, and begin nothing more until it is resumed."""

    actor: Annotated[str, Meta(min_length=1, max_length=32)]
    lane: LaneName
    reason: Annotated[str, Meta(min_length=1, max_length=200, pattern=PRINTABLE)]


@command("lane.resume", owner="doors", to="lanes")
class ResumeLane(Message, frozen=True, kw_only=True):
    """Serve this lane again, whatever holds it."""

    actor: Annotated[str, Meta(min_length=1, max_length=32)]
    lane: LaneName


@command("notification.send", owner="doors", to="notification.wishes", outside=True)
class SendNotification(Message, frozen=True, kw_only=True):
    """Tell the merchant this, as a fact of ours would be told. A repeat of `event_id` is one event.

    With an endpoint it goes there only; else to every endpoint that wants it, and to `notify_url`.
    """

    merchant_no: MerchantNo
    event_id: EventId
    type: WebhookType
    subject: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+$(?!\n)")]
    data: Annotated[str, Meta(max_length=65_536)]
    """A JSON document, as text."""
    acceptance: Acceptance = "async"
    endpoint_id: EndpointId | None = None
    notify_url: Annotated[str, Meta(max_length=512)] | None = None


@command("notification.resend", owner="doors", to="notification.wishes")
class ResendNotifications(Message, frozen=True, kw_only=True):
    """Make the next try of these now, whatever became of the earlier ones."""

    merchant_no: MerchantNo
    notification_ids: Annotated[tuple[NotificationId, ...], Meta(max_length=RESENT_AT_ONCE_MAX)]
    acceptance: Acceptance = "async"


@command("webhook_endpoint.save", owner="doors", to="notification.wishes")
class SaveWebhookEndpoint(Message, frozen=True, kw_only=True):
    """Let these be the terms of the endpoint, if it is still at `version`; 0: it is a new one."""

    merchant_no: MerchantNo
    endpoint_id: EndpointId
    version: int
    terms: EndpointTerms
    secret: SealedSecret | None = None
    """The first one; of a new endpoint only."""
    is_enabled: bool = True


@command("webhook_endpoint.rotate_secret", owner="doors", to="notification.wishes")
class RotateWebhookSecret(Message, frozen=True, kw_only=True):
    """Sign with this secret from now on, and with the present ones for some time more."""

    merchant_no: MerchantNo
    endpoint_id: EndpointId
    secret: SealedSecret
    keep_old_s: Annotated[int, Meta(ge=0, le=604_800)] = 86_400


@command("webhook_endpoint.remove", owner="doors", to="notification.wishes")
class RemoveWebhookEndpoint(Message, frozen=True, kw_only=True):
    """Tell this endpoint nothing more, and forget its address and its secrets."""

    merchant_no: MerchantNo
    endpoint_id: EndpointId
