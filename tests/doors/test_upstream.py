"""Systems next door: what they publish is let in or refused as if it had come over HTTP."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import aio_pika
import msgspec
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from bus.dead import DeadLetter, Graveyard
from schema.events import BATCH, SINGLE, Event, decode_events
from schema.ids import outside_id
from schema.messages.contract import read
from schema.messages.doors import ClosePayment, PlacePayment, PlaceRefund, RequestRefused
from schema.messages.notification import NotificationAnswered
from schema.messages.ordering import PaymentAnswered, RefundAnswered
from tests.doors.rows import a_payment
from tests.doors.street import Merchant, Street, order
from tests.doors.test_closing import becomes
from tests.doors.test_webhook_endpoints import Receiver, receiver
from tests.sites import Site
from tests.waiting import at_last

assert receiver, "the fixture"
REPLY_TO = "amq.rabbitmq.reply-to"


class Neighbour:
    """An outside system, with an AMQP user that may write to one exchange only."""

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel
        self.answers: list[tuple[Event, Any]] = []

    async def listen(self) -> None:
        """Direct reply-to: a place of one's own that needs no permission and no queue."""
        queue = await self._channel.get_queue(REPLY_TO, ensure=False)
        await queue.consume(self._hear, no_ack=True)

    async def say(self, body: bytes, content_type: str | None = SINGLE, **properties: Any) -> None:
        exchange = await self._channel.get_exchange("tomato.upstream", ensure=False)
        message = aio_pika.Message(body, content_type=content_type, **properties)
        await exchange.publish(message, routing_key="")

    async def answer(self, correlationid: str | None) -> Any:
        """The answer with this correlation id."""
        for _ in range(150):
            for event, message in self.answers:
                if event.correlationid == correlationid:
                    return message
            await asyncio.sleep(0.02)
        raise AssertionError(f"nobody answered {correlationid}")

    async def _hear(self, delivery: AbstractIncomingMessage) -> None:
        for event in decode_events(delivery.body, delivery.content_type):
            self.answers.append((event, read(event)))


@pytest.fixture(scope="module")
async def neighbour(street: Street, site: Site) -> AsyncIterator[Neighbour]:
    connection = await aio_pika.connect(site.upstream_url)
    async with connection:
        opened = Neighbour(await connection.channel())
        await opened.listen()
        yield opened


@pytest.fixture
async def dead(street: Street) -> Graveyard:
    return Graveyard(street.shared.broker)


def event(merchant: Merchant, **attributes: Any) -> dict[str, Any]:
    """A wish as an outsider writes it, right but for these attributes."""
    data = {"merchant_no": merchant.merchant_no, "request": msgspec.Raw(order())}
    right = {
        "specversion": "1.0",
        "id": secrets.token_hex(8),
        "source": "shop/1",
        "type": "payment.place",
        "time": datetime.now(UTC),
        "data": data,
    }
    return {name: value for name, value in (right | attributes).items() if value is not ...}


def written(document: Any) -> bytes:
    return msgspec.json.encode(document)


async def until_heard(street: Street, merchant: Merchant, count: int = 1) -> list[Any]:
    for _ in range(150):
        orders = street.room.orders(merchant.merchant_no)
        if len(orders) >= count:
            return orders
        await asyncio.sleep(0.02)
    raise AssertionError(f"{len(street.room.orders(merchant.merchant_no))} of {count} came in")


async def letter(dead: Graveyard, matches: Callable[[DeadLetter], bool]) -> DeadLetter:
    for _ in range(100):
        for found in await dead.list("upstream"):
            if matches(found):
                return found
        await asyncio.sleep(0.05)
    raise AssertionError("no such dead letter")


async def test_a_wish_is_let_in_and_answered_to_its_sender(
    street: Street, merchant: Merchant, neighbour: Neighbour
) -> None:
    wish = event(merchant, causationid="theirs", subject="theirs")
    await neighbour.say(written(wish), reply_to=REPLY_TO, correlation_id="c-1")
    answer = await neighbour.answer("c-1")
    assert isinstance(answer, PaymentAnswered)
    assert answer.payment is not None and answer.payment.merchant_no == merchant.merchant_no
    [(inside, message)] = await until_heard(street, merchant)
    assert isinstance(message, PlacePayment)
    assert inside.id == outside_id("shop/1", wish["id"])
    assert (inside.source, inside.subject, inside.causationid) == ("tomato/doors", None, None)
    assert inside.traceparent is not None


async def test_a_system_next_door_may_have_a_merchant_told_something(
    street: Street, neighbour: Neighbour, receiver: Receiver
) -> None:
    merchant = await street.open_merchant(notify_url=receiver.url)
    for acceptance, state in (("sync", "delivered"), ("async", "waiting")):
        data = {
            "merchant_no": merchant.merchant_no,
            "event_id": f"evt_{secrets.token_hex(8)}",
            "type": "account.alarmed",
            "subject": "account-1",
            "data": '{"balance_fen":1}',
            "acceptance": acceptance,
        }
        wish = event(merchant, type="notification.send", data=data)
        await neighbour.say(written(wish), reply_to=REPLY_TO, correlation_id=acceptance)
        answer = await neighbour.answer(acceptance)
        assert isinstance(answer, NotificationAnswered)
        assert (answer.refusal, answer.state) == (None, state)
        assert answer.notification_ids == (data["event_id"],)

    async def both_heard() -> bool:
        return len(receiver.hooks) == 2

    await at_last(both_heard)
    assert b'"data":{"balance_fen":1}' in receiver.hooks[0][1]


async def test_a_system_next_door_refunds_and_is_answered(
    street: Street, merchant: Merchant, neighbour: Neighbour
) -> None:
    request = {"merchant_refund_no": "r-1", "payment_id": "pay_" + "0" * 24, "amount_fen": 5}
    data = {"merchant_no": merchant.merchant_no, "request": request}
    wish = event(merchant, type="refund.place", data=data)
    await neighbour.say(written(wish), reply_to=REPLY_TO, correlation_id="refund-1")
    answer = await neighbour.answer("refund-1")
    assert isinstance(answer, RefundAnswered) and answer.refund is not None
    assert (answer.refund.merchant_refund_no, answer.refund.amount_fen) == ("r-1", 5)
    [heard] = street.room.wishes(merchant.merchant_no)
    assert isinstance(heard, PlaceRefund)


async def test_a_system_next_door_closes_a_payment_and_is_answered(
    street: Street, merchant: Merchant, neighbour: Neighbour
) -> None:
    number = await a_payment(street, merchant, "o-1")
    street.room.ends[number] = becomes(street, number, "closed")
    data = {"merchant_no": merchant.merchant_no, "payment_id": number}
    wish = event(merchant, type="payment.close", data=data)
    await neighbour.say(written(wish), reply_to=REPLY_TO, correlation_id="close-1")
    assert isinstance(await neighbour.answer("close-1"), PaymentAnswered)
    [heard] = street.room.wishes(merchant.merchant_no)
    assert heard == ClosePayment(merchant_no=merchant.merchant_no, payment_id=number)


async def test_a_suspended_merchant_still_gives_money_back(
    street: Street, neighbour: Neighbour
) -> None:
    merchant = await street.open_merchant(status="suspended")
    request = {"merchant_refund_no": "r-1", "payment_id": "pay_" + "0" * 24}
    data = {"merchant_no": merchant.merchant_no, "request": request}
    wish = event(merchant, type="refund.place", data=data)
    await neighbour.say(written(wish), reply_to=REPLY_TO, correlation_id="refund-2")
    assert isinstance(await neighbour.answer("refund-2"), RefundAnswered)


@pytest.mark.parametrize(
    ("kind", "data", "code", "param"),
    [
        ("refund.place", {"request": {"merchant_refund_no": "late:1"}}, "invalid_field",
         "request.merchant_refund_no"),
        ("refund.place", {"request": {"merchant_refund_no": "r", "amount_fen": 0}},
         "invalid_field", "request.amount_fen"),
        ("refund.place", {"request": {"merchant_refund_no": "r", "kind": "late"}},
         "unknown_field", "request.kind"),
        ("refund.place", {}, "missing_field", "request"),
        ("payment.close", {"payment_id": "pay_'"}, "invalid_field", "payment_id"),
        ("payment.close", {"payment_id": "pay_" + "0" * 24, "reason": "x"}, "unknown_field",
         "reason"),
        ("payment.expire", {"payment_id": "pay_" + "0" * 24}, "unknown_type", "type"),
        ("refund.repay", {}, "unknown_type", "type"),
        ("refund.funded", {}, "unknown_type", "type"),
    ],
)  # fmt: skip
async def test_a_wish_to_move_money_is_looked_at_as_closely(
    street: Street, merchant: Merchant, neighbour: Neighbour, kind: str, data: dict[str, Any],
    code: str, param: str,
) -> None:  # fmt: skip
    data = {"merchant_no": merchant.merchant_no} | data
    wish = event(merchant, type=kind, correlationid=secrets.token_hex(8), data=data)
    await neighbour.say(written(wish), reply_to=REPLY_TO)
    refusal = (await neighbour.answer(wish["correlationid"])).refusal
    assert (refusal.code, refusal.param) == (code, param)
    assert street.room.wishes(merchant.merchant_no) == []


async def test_the_attributes_of_an_event_count_before_those_of_its_delivery(
    street: Street, merchant: Merchant, neighbour: Neighbour
) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    wish = event(merchant, correlationid="own", replyto="reply.own", traceparent=trace)
    await neighbour.say(written(wish), reply_to=REPLY_TO, correlation_id="delivery's")
    [(inside, _)] = await until_heard(street, merchant)
    assert (inside.correlationid, inside.replyto) == ("own", "reply.own")
    assert inside.traceparent == trace


async def test_a_batch_is_taken_apart_and_only_the_wrong_ones_are_refused(
    street: Street, merchant: Merchant, neighbour: Neighbour, dead: Graveyard
) -> None:
    right = [event(merchant, correlationid=f"right-{n}") for n in range(3)]
    data = {"merchant_no": merchant.merchant_no, "request": msgspec.Raw(order(amount_fen=0))}
    wrong = event(merchant, correlationid="wrong", data=data)
    await neighbour.say(written([right[0], wrong, *right[1:]]), BATCH, reply_to=REPLY_TO)
    for n in range(3):
        assert (await neighbour.answer(f"right-{n}")).payment is not None
    refused = await neighbour.answer("wrong")
    assert isinstance(refused, RequestRefused)
    assert (refused.refusal.code, refused.refusal.param) == (
        "invalid_field", "request.amount_fen"
    )  # fmt: skip
    assert len(await until_heard(street, merchant, 3)) == 3
    buried = await letter(dead, lambda found: found.event_id == wrong["id"])
    assert buried.reason == "invalid_field: request.amount_fen: Expected `int` >= 1"


async def test_the_same_event_twice_has_the_same_identity(
    street: Street, merchant: Merchant, neighbour: Neighbour
) -> None:
    wish = written(event(merchant))
    await neighbour.say(wish)
    await neighbour.say(wish)
    first, second = await until_heard(street, merchant, 2)
    assert first[0].id == second[0].id


@pytest.mark.parametrize(
    ("attributes", "code", "param"),
    [
        ({"type": "payment.succeeded"}, "unknown_type", "type"),
        ({"type": "payment.placed"}, "unknown_type", "type"),
        ({"data": []}, "invalid_field", None),
        ({"data": "x"}, "invalid_field", None),
        ({"data": {}}, "missing_field", "merchant_no"),
        ({"data": {"merchant_no": "100001"}}, "missing_field", "request"),
        ({"data": {"merchant_no": "100001", "request": {}}}, "missing_field",
         "request.merchant_order_no"),
        ({"data": {"merchant_no": "x"}}, "invalid_field", "merchant_no"),
        ({"data": {"merchant_no": "100001", "colour": 1}}, "unknown_field", "colour"),
    ],
)  # fmt: skip
async def test_a_wrong_wish_is_answered_and_buried(
    merchant: Merchant,
    neighbour: Neighbour,
    dead: Graveyard,
    attributes: dict[str, Any],
    code: str,
    param: str | None,
) -> None:
    wish = event(merchant, correlationid=secrets.token_hex(8), **attributes)
    await neighbour.say(written(wish), reply_to=REPLY_TO)
    refusal = (await neighbour.answer(wish["correlationid"])).refusal
    assert (refusal.code, refusal.param) == (code, param)
    buried = await letter(dead, lambda found: found.event_id == wish["id"])
    assert buried.reason.startswith(f"{code}: ")


async def test_a_merchant_that_is_not_there_or_suspended_gets_nothing(
    street: Street, merchant: Merchant, neighbour: Neighbour
) -> None:
    suspended = await street.open_merchant(status="suspended")
    nobody = Merchant("10202601999999", b"")
    for owner, code in ((suspended, "merchant_suspended"), (nobody, "unknown_merchant")):
        wish = event(owner, correlationid=f"{code}-1")
        await neighbour.say(written(wish), reply_to=REPLY_TO)
        assert (await neighbour.answer(f"{code}-1")).refusal.code == code
        assert street.room.orders(owner.merchant_no) == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"\xff\x00", SINGLE),
        (b"", SINGLE),
        (b"{}", SINGLE),
        (b"[" * 100_000, BATCH),
        (b"{}", "application/json"),
        (b"{}", None),
    ],
)
async def test_bytes_that_nobody_can_read_are_answered_and_buried(
    neighbour: Neighbour, dead: Graveyard, body: bytes, content_type: str | None
) -> None:
    correlation_id = secrets.token_hex(8)
    await neighbour.say(body, content_type, reply_to=REPLY_TO, correlation_id=correlation_id)
    assert (await neighbour.answer(correlation_id)).refusal.code == "invalid_event"
    await letter(dead, lambda found: found.body == body)


async def test_an_event_without_an_obligatory_attribute_can_not_be_read(
    merchant: Merchant, neighbour: Neighbour
) -> None:
    for missing in ("specversion", "id", "source", "type"):
        wish = event(merchant, **{missing: ...})
        await neighbour.say(written(wish), reply_to=REPLY_TO, correlation_id=f"no {missing}")
        refusal = (await neighbour.answer(f"no {missing}")).refusal
        assert refusal.code == "invalid_event" and missing in refusal.reason


async def test_a_content_type_may_name_its_charset(
    street: Street, merchant: Merchant, neighbour: Neighbour
) -> None:
    await neighbour.say(written(event(merchant)), f"{SINGLE}; charset=utf-8")
    await until_heard(street, merchant)


@pytest.mark.parametrize("replyto", ["ordering", "upstream.dead", "", "amq.rabbitmq.x", "reply"])
async def test_an_outsider_can_not_have_us_write_into_our_own_queues(
    street: Street, merchant: Merchant, neighbour: Neighbour, replyto: str
) -> None:
    wish = event(merchant, replyto=replyto)
    await neighbour.say(written(wish))
    [(inside, _)] = await until_heard(street, merchant)
    assert inside.replyto is None


async def test_a_refusal_is_not_written_into_our_own_queues(
    street: Street, merchant: Merchant, neighbour: Neighbour, dead: Graveyard
) -> None:
    before = len(street.room.heard)
    wish = event(merchant, replyto="ordering", data={})
    await neighbour.say(written(wish))
    await neighbour.say(b"?", reply_to="ordering")
    await letter(dead, lambda found: found.event_id == wish["id"])
    await letter(dead, lambda found: found.body == b"?")
    await asyncio.sleep(0.1)
    assert len(street.room.heard) == before


@pytest.mark.parametrize("correlationid", ["a\0b", "线", "x" * 200])
async def test_a_correlation_id_that_we_can_not_carry_is_dropped(
    street: Street, merchant: Merchant, neighbour: Neighbour, correlationid: str
) -> None:
    await neighbour.say(written(event(merchant)), correlation_id=correlationid)
    [(inside, _)] = await until_heard(street, merchant)
    assert inside.correlationid is None


async def test_a_trace_that_is_none_is_replaced(
    street: Street, merchant: Merchant, neighbour: Neighbour
) -> None:
    await neighbour.say(written(event(merchant, traceparent="x-y")))
    [(inside, _)] = await until_heard(street, merchant)
    assert inside.traceparent.count("-") == 3


async def test_an_empty_batch_is_nothing(
    street: Street, merchant: Merchant, neighbour: Neighbour
) -> None:
    await neighbour.say(b"[]", BATCH)
    await neighbour.say(written(event(merchant)))
    await until_heard(street, merchant)


async def test_an_outsider_may_write_nowhere_else(site: Site) -> None:
    async with await aio_pika.connect(site.upstream_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("tomato.commands", ensure=False)
        with pytest.raises(aio_pika.exceptions.AMQPError):
            await exchange.publish(aio_pika.Message(b"{}"), routing_key="ordering")
