"""The door for systems that speak AMQP: CloudEvents on the exchange `tomato.upstream`.

What an outsider publishes is believed as little as an HTTP body. Each event is let in or refused on
its own. One that is let in goes on to the room that it is for, under an id derived from its source
and id, so that sending it twice is harmless. One that is refused lies in `upstream.dead` with the
reason, and its sender is told, if he named a place that is his to name. A delivery is acknowledged
when the broker has confirmed all that came of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Raw

from bus import topology
from bus.broker import Arrived, Broker
from bus.dead import Graveyard
from bus.directory import Directory
from bus.effects import Outgoing, deliveries
from bus.jobs import now_utc
from bus.logs import log
from bus.origin import new_event, new_traceparent
from bus.patience import Patience
from bus.replies import PREFIX
from bus.topology import Inlet
from handlers.merchant_api.problems import MALFORMED, problem_of
from handlers.trace import accepted_trace
from schema.events import Event, UndecodableDelivery, decode_events
from schema.ids import outside_id
from schema.messages.contract import CONTRACTS, write
from schema.messages.doors import (
    ClosePayment,
    PlacePayment,
    PlaceRefund,
    RequestRefused,
    SendNotification,
)
from schema.payments import Refusal
from schema.profiles import MerchantProfile

INLET = Inlet(topology.UPSTREAM_QUEUE, ())
"""Bound to its exchange by the topology itself, since no contract of ours is heard there."""

REPLY_PLACES = ("amq.rabbitmq.reply-to.", PREFIX)
"""Direct reply-to, and private reply queues. Any other name could be one of our own queues."""

Wished = PlacePayment | ClosePayment | PlaceRefund | SendNotification
AGAINST_MONEY = (ClosePayment, PlaceRefund)
"""What a suspended merchant may still wish, as over HTTP: payers shall not suffer for him."""

FROM_OUTSIDE = {
    contract.name: contract
    for contract in CONTRACTS.values()
    if contract.outside and contract.kind == "command"
}

_PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")
CORRELATION_LENGTH_MAX = 128
"""As in `schema/events.py`; an AMQP property may be twice as long."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One event from outside and what its delivery says of it."""

    event: Event
    replyto: str | None
    correlationid: str | None
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of the wishes of one delivery."""

    outgoing: list[Outgoing]
    refused: list[tuple[Wish, Refusal]]


class Upstream:
    """Reads the upstream queue."""

    def __init__(self, broker: Broker, directory: Directory, *, prefetch: int) -> None:
        self._broker = broker
        self._merchants = directory.merchants
        self._graveyard = Graveyard(broker)
        self._patience = Patience(INLET.queue, self._judge, self._tell, self._bury_poison)
        broker.subscribe(INLET, self.read, prefetch=prefetch)

    async def read(self, arrived: Arrived) -> None:
        """Returns when every event of the delivery is handed on, or buried and answered."""
        try:
            events = decode_events(arrived.body, _plain_type(arrived.content_type))
        except (UndecodableDelivery, RecursionError) as error:
            await self._bury_bytes(arrived, str(error))
            return
        if events:
            await self._patience.settle(wishes_of(events, arrived))

    async def _judge(self, wishes: Sequence[Wish], _: bool) -> Judged:
        read = [(wish, read_wish(wish)) for wish in wishes]
        numbers = {found.merchant_no for _, found in read if not isinstance(found, Refusal)}
        merchants = await self._merchants.find(numbers)
        judged = Judged([], [])
        for wish, found in read:
            verdict = let_in(wish, found, merchants)
            if isinstance(verdict, Refusal):
                judged.refused.append((wish, verdict))
            else:
                judged.outgoing.append(verdict)
        return judged

    async def _tell(self, _: Sequence[Wish], judged: Judged) -> None:
        for wish, refusal in judged.refused:
            log.warning("wish_refused", event_id=wish.event.id, code=refusal.code)
            await self._graveyard.bury(INLET.queue, wish.event, _told(refusal), tries=1)
        answers = [
            _refusal_to(wish.replyto, wish.correlationid, refusal)
            for wish, refusal in judged.refused
            if wish.replyto is not None
        ]
        await self._broker.publish(deliveries([*judged.outgoing, *answers]))

    async def _bury_poison(self, wish: Wish, error: Exception, tries: int) -> None:
        log.error("wish_buried", event_id=wish.event.id, exc_info=error)
        await self._graveyard.bury(INLET.queue, wish.event, repr(error), tries=tries)

    async def _bury_bytes(self, arrived: Arrived, reason: str) -> None:
        log.warning("upstream_undecodable", reason=reason)
        await self._graveyard.bury_bytes(INLET.queue, arrived, reason)
        replyto = honoured(arrived.reply_to)
        if replyto is not None:
            refusal = Refusal(code="invalid_event", reason=reason)
            answer = _refusal_to(replyto, _usable_correlation(arrived.correlation_id), refusal)
            await self._broker.publish(deliveries([answer]))


def wishes_of(events: Sequence[Event], arrived: Arrived) -> list[Wish]:
    """The events with their addresses; the delivery's own properties where an event has none.

    A correlation id belongs to one wish, so that of a delivery is for one that came alone.
    """
    alone = arrived.correlation_id if len(events) == 1 else None
    return [
        Wish(
            event=event,
            replyto=honoured(event.replyto or arrived.reply_to),
            correlationid=_usable_correlation(event.correlationid or alone),
            traceparent=accepted_trace(event.traceparent),
        )
        for event in events
    ]


def honoured(replyto: str | None) -> str | None:
    """The reply address, if it is one that an outsider may have us write to."""
    if not replyto:
        return None
    if replyto.startswith(REPLY_PLACES) and _PRINTABLE.fullmatch(replyto):
        return replyto
    log.warning("replyto_ignored", replyto=replyto[:100])
    return None


def read_wish(wish: Wish) -> Wished | Refusal:
    """What the event asks for, or the field that is at fault, as an HTTP body would be told."""
    event = wish.event
    contract = FROM_OUTSIDE.get(event.type)
    if contract is None:
        reason = f"only {' and '.join(FROM_OUTSIDE)} may come from outside"
        return Refusal(code="unknown_type", reason=reason, param="type")
    try:
        return contract.decoder.decode(event.data)
    except MALFORMED as error:
        problem = problem_of(error)
    return Refusal(code=problem.code, reason=problem.detail, param=problem.param)


def let_in(
    wish: Wish, found: Wished | Refusal, merchants: Mapping[str, MerchantProfile]
) -> Outgoing | Refusal:
    """The event as our rooms will see it, or why the merchant can't have it."""
    if isinstance(found, Refusal):
        return found
    merchant = merchants.get(found.merchant_no)
    if merchant is None:
        return Refusal(code="unknown_merchant", reason="no such merchant", param="merchant_no")
    if merchant.status != "active" and not isinstance(found, AGAINST_MONEY):
        return Refusal(code="merchant_suspended", reason="the merchant is suspended")
    event = write(
        found,
        id=outside_id(wish.event.source, wish.event.id),
        time=now_utc(),
        correlationid=wish.correlationid,
        replyto=wish.replyto,
        traceparent=wish.traceparent or new_traceparent(),
    )
    return Outgoing.of(found, event)


def _refusal_to(replyto: str, correlationid: str | None, refusal: Refusal) -> Outgoing:
    event = new_event(RequestRefused(refusal=refusal), correlationid=correlationid)
    return Outgoing(topology.DEFAULT_EXCHANGE, replyto, False, Raw(msgspec.json.encode(event)))


def _told(refusal: Refusal) -> str:
    place = f"{refusal.param}: " if refusal.param else ""
    return f"{refusal.code}: {place}{refusal.reason}"


def _plain_type(content_type: str | None) -> str | None:
    """Without parameters: `; charset=utf-8` says nothing that JSON does not."""
    return content_type and content_type.partition(";")[0].strip().lower()


def _usable_correlation(text: str | None) -> str | None:
    """A correlation id that every later reader of the event will take."""
    if not text or len(text) > CORRELATION_LENGTH_MAX or not _PRINTABLE.fullmatch(text):
        return None
    return text
