"""Identities: ordered by time, and the same again for the same cause."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from schema import ids
from schema.ids import (
    attempt_id,
    base32,
    derived_id,
    epoch_ms,
    message_id,
    outside_id,
    payment_id,
)
from schema.text import PaymentId

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
moments_ms = st.integers(0, 2**47)
days = st.integers(0, 4_000_000_000_000)  # until the year 2096
random_bytes = st.binary(min_size=10, max_size=10)
message_ids = st.builds(message_id, moments_ms, random_bytes)
actors = st.text("abcdefghijklmnopqrstuvwxyz0123456789._", min_size=1, max_size=20)
indexes = st.integers(0, 1000)
merchants = st.from_regex(r"[0-9]{6,20}", fullmatch=True)
orders = st.from_regex(r"[A-Za-z0-9_|*.\-]{1,64}", fullmatch=True)


@given(days)
@example(ms=1_763_818_761_001)
def test_a_moment_is_told_to_the_millisecond(ms: int) -> None:
    moment = EPOCH + timedelta(milliseconds=ms)
    assert epoch_ms(moment) == ms
    assert epoch_ms(moment + timedelta(microseconds=999)) == ms
    assert epoch_ms(moment.astimezone(timezone(timedelta(hours=8)))) == ms


@given(moments_ms, moments_ms, random_bytes, random_bytes)
def test_message_ids_of_different_moments_sort_by_time(
    early: int, late: int, some: bytes, other: bytes
) -> None:
    assume(early < late)
    assert message_id(early, some) < message_id(late, other)


@given(message_ids)
def test_a_message_id_is_a_uuid_of_version_7_as_everybody_writes_it(text: str) -> None:
    parsed = UUID(text)
    assert (str(parsed), parsed.version, parsed.variant) == (text, 7, "specified in RFC 4122")


@given(message_ids, actors, indexes)
def test_a_decision_made_twice_has_the_same_identity(cause: str, actor: str, index: int) -> None:
    again = derived_id(cause, actor, index)
    assert again == derived_id(cause, actor, index) == str(UUID(again))


@given(message_ids, actors, indexes)
def test_an_effect_keeps_the_time_of_its_cause(cause: str, actor: str, index: int) -> None:
    assert derived_id(cause, actor, index)[:13] == cause[:13]


@given(st.lists(st.tuples(message_ids, actors, indexes), min_size=2, max_size=2, unique=True))
@example(drawn=[(str(UUID(int=1)), "a", 11), (str(UUID(int=1)), "a1", 1)])
def test_effects_of_another_cause_actor_or_place_are_others(
    drawn: list[tuple[str, str, int]],
) -> None:
    one, other = drawn
    assert derived_id(*one) != derived_id(*other)


def test_a_derived_id_never_changes() -> None:
    """Effects wait in inboxes and queues while a new version of Tomato is rolled out."""
    cause = "019aab86-6d69-7000-8000-000000000000"
    assert derived_id(cause, "ordering", 0) == "019aab86-6d69-7ea2-86b6-f074bf12419d"


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
@example("a", "b\nc", "a\nb", "c")
def test_events_of_outsiders_meet_only_if_source_and_id_are_the_same(
    source: str, event_id: str, other_source: str, other_id: str
) -> None:
    ours = outside_id(source, event_id)
    is_same = (source, event_id) == (other_source, other_id)
    assert (ours == outside_id(other_source, other_id)) == is_same
    assert ours == str(UUID(ours))


@given(merchants, orders, days)
def test_a_payment_id_is_what_the_doors_let_in(merchant_no: str, order_no: str, ms: int) -> None:
    number = payment_id(merchant_no, order_no, EPOCH + timedelta(milliseconds=ms))
    assert msgspec.convert(number, PaymentId) == number
    assert len(number) == 28 and number.endswith(merchant_no[-6:])


@given(merchants, orders, days, days)
def test_payment_ids_of_one_merchant_sort_by_time(
    merchant_no: str, order_no: str, early: int, late: int
) -> None:
    assume(early < late)
    first, second = (EPOCH + timedelta(milliseconds=ms) for ms in (early, late))
    assert payment_id(merchant_no, order_no, first) < payment_id(merchant_no, order_no, second)


def test_payments_of_one_millisecond_have_ids_of_their_own() -> None:
    ids = {payment_id("1025112200001", str(uuid4()), EPOCH) for _ in range(1000)}
    assert len(ids) == 1000


@given(merchants, orders, st.integers(1, 99))
def test_an_attempts_number_is_one_that_channels_take(
    merchant_no: str, order_no: str, number: int
) -> None:
    attempt = attempt_id(payment_id(merchant_no, order_no, EPOCH), number)
    assert len(attempt) == 26 and attempt.isalnum() and attempt.islower()
    assert attempt.endswith(f"{number:02d}")


@given(st.integers(0, 2**50 - 1), st.integers(0, 2**50 - 1))
def test_text_order_is_number_order_in_base_32(one: int, other: int) -> None:
    assert (base32(one, 10) < base32(other, 10)) == (one < other)


@given(st.integers(0, 999_999), st.from_regex(r"[a-z0-9_]{2,20}", fullmatch=True))
def test_an_account_number_tells_kind_day_and_owner_and_checks_itself(
    sequence: int, owner: str
) -> None:
    number = ids.account_no("10", date(2026, 4, 20), sequence, owner)
    assert number[:16] == f"1020260420{sequence:06d}"
    assert ids.is_account_no(number)
    if owner[-4:].isdigit():
        assert number[16:20] == owner[-4:].rjust(4, "0")


@given(st.integers(0, 999_999), st.integers(0, 20), st.integers(1, 9))
def test_any_wrong_digit_of_an_account_number_is_noticed(
    sequence: int, place: int, shift: int
) -> None:
    number = ids.account_no("10", date(2026, 4, 20), sequence, "1025112200001")
    wrong = str((int(number[place]) + shift) % 10)
    assert not ids.is_account_no(number[:place] + wrong + number[place + 1 :])


@pytest.mark.parametrize("text", ["", "1" * 20, "1" * 22, "10202604200000010001x", "１" * 21])
def test_what_is_no_account_number_is_told_apart(text: str) -> None:
    assert not ids.is_account_no(text)


def test_the_check_digit_is_that_of_the_standard() -> None:
    assert ids.check_digit("0794") == "5"  # the example of ISO/IEC 7064 for MOD 11,10
