"""Commands at random on the real database: the books are what the model says, after every step.

Each sequence begins with empty books, in a transaction that is never committed. What several
workers and crashes make of it is in `test_ledger_workers.py`.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings

from bus.database import Pool, connect
from deploy.local.services import Services
from schema.accounts import BookingMode
from schema.messages.accounting import ApplyPending, ConfigureAccount, ReckonReserve
from schema.messages.contract import Message
from tests.actors.ledger_answers import Answers
from tests.actors.ledger_commands import TOGETHER, batches, sequences
from tests.actors.ledger_world import NUMBER_OF, NUMBERS, World, a_world
from tests.sites import a_database

BY_TIME = (ApplyPending, ReckonReserve)
"""They may find something new to do each time."""

few = settings(
    max_examples=max(8, settings().max_examples // 3),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""An example is a hundred commands: a third of the profile's number is thousands of them. To make
one smaller that fails would take minutes; a failed assertion names its command."""


@pytest.fixture(scope="module")
async def empty(services: Services) -> AsyncIterator[Pool]:
    """A database without a single account."""
    in_database = a_database(services.postgres_url, f"tomato_ledger_{os.getpid()}")
    async with in_database as url, await connect(url, name="ledger") as pool:
        yield pool


@few
@given(sequences().flatmap(batches))
@example(TOGETHER)
async def test_the_books_are_what_the_model_says_after_every_batch(
    empty: Pool, cut: list[list[Message]]
) -> None:
    async with a_world(empty) as world:
        model = Answers(NUMBERS)
        for batch in cut:
            expected = [model.hear(m, world.moment_of(place)) for place, m in enumerate(batch)]
            codes = await world.hear(batch)
            for message, code, why in zip(batch, codes, expected, strict=True):
                assert code in (why or {None}), message
            await as_the_model_says(world, model)


async def as_the_model_says(world: World, model: Answers) -> None:
    """Every account's balance, state and reserve; and no balance lies below its floor."""
    await world.hear([ApplyPending()])
    for key, (balance, state, outside) in (await world.standing()).items():
        said = (model.balance[key], model.state(key), model.out_of_reserve(key))
        assert (key, balance, state, outside) == (key, *said)
        floor = model.lowest(key)
        assert floor is None or balance >= floor


@few
@given(sequences())
async def test_whoever_is_refused_or_asks_again_changes_nothing_at_all(
    empty: Pool, messages: list[Message]
) -> None:
    async with a_world(empty) as world:
        before, told = await world.everything(), list[Message]()
        for message in messages:
            (code,) = await world.hear([message])
            after = await world.everything()
            if code is not None or message in told:
                assert after == before or isinstance(message, BY_TIME), message
            before = after
            told += [message] if code is None else []


@few
@given(sequences().flatmap(batches))
@example(TOGETHER)
async def test_however_commands_are_cut_into_batches_the_books_are_the_same(
    empty: Pool, cut: list[list[Message]]
) -> None:
    one_by_one = [[message] for batch in cut for message in batch]
    assert await books_after(empty, cut) == await books_after(empty, one_by_one)


@few
@given(sequences().flatmap(batches))
async def test_both_ways_of_booking_end_with_the_same_books(
    empty: Pool, cut: list[list[Message]]
) -> None:
    cut = [[m for m in batch if not names_a_way(m)] for batch in cut]
    at_once = await books_after(empty, cut, mode="sync")
    assert await books_after(empty, cut, mode="async") == at_once


def names_a_way(message: Message) -> bool:
    return isinstance(message, ConfigureAccount) and message.booking_mode is not None


async def books_after(
    pool: Pool, cut: Iterable[Sequence[Message]], mode: BookingMode | None = None
) -> dict[str, Any]:
    """What is written after these batches, with every account booked at once, or later."""
    async with a_world(pool) as world:
        if mode is not None:
            await world.hear([kept(number, mode) for number in NUMBER_OF.values()])
        for batch in filter(None, cut):
            await world.hear(batch)
        await world.hear([ApplyPending()])
        return await world.books()
    raise AssertionError


def kept(account_no: str, mode: BookingMode) -> ConfigureAccount:
    return ConfigureAccount(
        change_no=f"mode.{account_no}",
        account_no=account_no,
        booking_mode=mode,
        operator="alice",
        reason="hot",
    )
