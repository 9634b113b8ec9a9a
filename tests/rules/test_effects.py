"""Effects: what a decision says, whoever makes it and however often."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from bus.effects import (
    DELIVERY_BYTES_MAX,
    Bury,
    Effect,
    Later,
    Outgoing,
    Publish,
    Reply,
    child_trace,
    decode_outgoing,
    deliveries,
    encode_outgoing,
    spoken,
)
from bus.origin import new_event, new_traceparent
from schema.events import (
    BATCH,
    EVENTS_PER_DELIVERY_MAX,
    SINGLE,
    Event,
    decode_events,
    encode_data,
    split_batch,
)
from schema.messages.channels import QueryAttempt
from schema.messages.doors import RequestRefused
from schema.messages.notification import NotificationExhausted
from schema.payments import Refusal

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
COMMAND = QueryAttempt(attempt_id="a1", channel_no="wechat_a")
FACT = NotificationExhausted(
    notification_id="n1", merchant_no="102511", attempts=9, last_error="timeout"
)
ANSWER = RequestRefused(refusal=Refusal(code="unknown_merchant", reason="no such merchant"))

effects = st.lists(
    st.sampled_from(
        [
            Publish(COMMAND),
            Publish(FACT),
            Reply(ANSWER),
            Later(COMMAND, NOW + timedelta(hours=1)),
            Bury(COMMAND, "it was tried in vain"),
        ]
    ),
    max_size=6,
)
bodies = st.integers(2, DELIVERY_BYTES_MAX // 3).map(lambda size: b'"' + b"x" * (size - 2) + b'"')
small_bodies = st.binary(max_size=20).map(encode_data).map(bytes)
addresses = st.sampled_from([("", "a", True), ("facts", "a", False), ("facts", "b", False)])


def ids(said: Sequence[Effect], cause: Event, actor: str = "ordering") -> list[str]:
    """The identities of what these effects become."""
    outgoing, timers = spoken(said, cause, actor, NOW)
    return [_id(o) for o in outgoing] + [_id(timer.outgoing) for timer in timers]


def _id(outgoing: Outgoing) -> str:
    return decode_events(bytes(outgoing.event), SINGLE)[0].id


@given(effects)
def test_a_decision_made_twice_says_the_same_under_the_same_ids(said: list[Effect]) -> None:
    cause = new_event(FACT, replyto="somewhere")
    assert spoken(said, cause, "ordering", NOW) == spoken(said, cause, "ordering", NOW)


@given(effects)
def test_every_effect_has_an_id_of_its_own(said: list[Effect]) -> None:
    one, other = new_event(FACT, replyto="x"), new_event(FACT, replyto="x")
    every = [*ids(said, one), *ids(said, other), *ids(said, one, "channels")]
    assert len(set(every)) == len(every) == 3 * len(said)


def test_an_effects_id_does_not_depend_on_whether_somebody_waits_for_a_reply() -> None:
    waiting, silent = new_event(FACT, replyto="x"), new_event(FACT)
    said = (Reply(ANSWER), Publish(COMMAND))
    assert len(ids(said, waiting)) == 2
    (command,) = ids(said, silent)
    assert command == ids((Publish(FACT), Publish(COMMAND)), silent)[1]


def test_a_timer_and_its_event_have_one_id() -> None:
    _, (timer,) = spoken([Later(COMMAND, NOW)], new_event(FACT), "ordering", NOW)
    assert str(timer.id) == _id(timer.outgoing)


@given(st.lists(st.tuples(addresses, bodies), max_size=12))
def test_deliveries_keep_the_order_and_every_event_of_an_address(
    said: list[tuple[tuple[str, str, bool], bytes]],
) -> None:
    packed = deliveries(Outgoing(*address, Raw(body)) for address, body in said)
    for address in {address for address, _ in said}:
        pieces = [
            piece
            for delivery in packed
            if (delivery.exchange, delivery.key, delivery.mandatory) == address
            for piece in _pieces(delivery.body, delivery.content_type)
        ]
        assert pieces == [body for at, body in said if at == address]


def _pieces(body: bytes, content_type: str) -> list[bytes]:
    return split_batch(body) if content_type == BATCH else [body]


@given(st.lists(bodies, min_size=1, max_size=12))
@example(said=[b'"' + b"x" * (DELIVERY_BYTES_MAX // 4 - 2) + b'"'] * 4)
def test_a_delivery_of_several_events_is_no_larger_than_it_may_be(said: list[bytes]) -> None:
    packed = deliveries(Outgoing("facts", "a", False, Raw(body)) for body in said)
    assert all(len(delivery.body) <= DELIVERY_BYTES_MAX for delivery in packed)
    assert sum(delivery.events for delivery in packed) == len(said)


def test_an_event_that_is_too_large_for_company_travels_alone() -> None:
    large, small = Raw(b'"' + b"x" * DELIVERY_BYTES_MAX + b'"'), Raw(b"1")
    packed = deliveries(Outgoing("", "a", True, body) for body in (small, large, small))
    assert [len(delivery.body) > DELIVERY_BYTES_MAX for delivery in packed] == [False, True, False]


def test_a_delivery_has_no_more_events_than_a_reader_takes() -> None:
    packed = deliveries(Outgoing("", "a", True, Raw(b"1")) for _ in range(600))
    assert [d.events for d in packed] == [EVENTS_PER_DELIVERY_MAX, EVENTS_PER_DELIVERY_MAX, 88]


@given(st.lists(st.tuples(addresses, small_bodies), max_size=4))
def test_what_the_inbox_keeps_is_said_again_as_it_was(
    said: list[tuple[tuple[str, str, bool], bytes]],
) -> None:
    outgoing = [Outgoing(*address, Raw(body)) for address, body in said]
    assert decode_outgoing(encode_outgoing(outgoing)) == outgoing


def test_a_child_is_another_span_of_the_same_trace() -> None:
    parent = new_traceparent()
    event_id = new_event(FACT).id
    child = child_trace(parent, event_id) or ""
    assert child.split("-")[:2] == parent.split("-")[:2] and child.split("-")[3] == "01"
    assert child.split("-")[2] == event_id.replace("-", "")[16:] != parent.split("-")[2]
    assert child_trace(None, event_id) is None


def test_what_is_buried_lies_with_its_reason_where_a_replay_takes_it_back_from() -> None:
    cause, letter = new_event(FACT), Bury(COMMAND, "status 500")
    said, _ = spoken([letter, letter, Publish(COMMAND)], cause, "channels", NOW)
    published, *buried = deliveries(decode_outgoing(encode_outgoing(said)))
    assert published.key == "channels.calls" and published.headers is None
    assert [(each.exchange, each.key, each.events) for each in buried] == [
        ("", "channels.calls.dead", 1)
    ] * 2
    headers = buried[0].headers or {}
    assert (headers["x-reason"], headers["x-came-from"]) == ("status 500", "channels.calls")


def test_a_letter_of_a_lane_goes_back_into_its_lane() -> None:
    said, _ = spoken([Bury(COMMAND, "why", lane="m1.we_1")], new_event(FACT), "channels", NOW)
    (buried,) = deliveries(said)
    assert (buried.headers or {})["x-came-from"] == "channels.lane.m1.we_1"
