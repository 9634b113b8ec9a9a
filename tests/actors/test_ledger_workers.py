"""Workers who compete, die in the middle, or lose their connection: each booking stands once.

Here everything is committed, in a database of this file's own, which is proved at the end.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import pytest

from actors.accounting.actor import accounting
from actors.accounting.proof.proving import looking, prove_all
from bus.database import Pool, connect
from bus.decider import Decider
from bus.errors import is_clash
from deploy.local.services import Services
from schema.bookings import Refund, Trade, Transfer, Withdrawal
from schema.messages.accounting import (
    ApplyPending,
    ConfigureAccount,
    PlaceHold,
    PostBooking,
    ReleaseHold,
)
from schema.messages.contract import Message
from tests.actors.ledger_world import DAWN, EVERYTHING, refusal_in
from tests.actors.two_at_once import in_line_behind
from tests.sites import a_database

BY = {"operator": "alice", "reason": "because"}
CHANNEL = "wechat_1"


@pytest.fixture(scope="module")
async def url(services: Services) -> AsyncIterator[str]:
    """A database whose books hold to the end, whatever the tests here do to them."""
    in_database = a_database(services.postgres_url, f"tomato_workers_{os.getpid()}")
    async with in_database as made:
        yield made
        async with looking(made) as connection:
            proof = await prove_all(connection)
        assert proof.breaks == [] and proof.entries > 1_000


@pytest.fixture(scope="module")
async def shared(url: str) -> AsyncIterator[Pool]:
    async with await connect(url, size_max=60, name="workers") as connected:
        yield connected


class Worker:
    """One who carries out batches as the kernel does, and begins again after a clash."""

    def __init__(self, pool: Pool, shard: int = 0) -> None:
        self.pool = pool
        self.decider: Decider[Any] = accounting(shard)

    async def settle(self, messages: Sequence[Message]) -> list[str | None]:
        """Why each was refused, if it was."""
        while True:
            try:
                async with self.pool.acquire() as connection, connection.transaction():
                    return await self.once(connection, messages)
            except Exception as error:
                if not is_clash(error):
                    raise
                await asyncio.sleep(random.uniform(0, 0.01))

    async def once(self, connection: Any, messages: Sequence[Message]) -> list[str | None]:
        """The same in the caller's transaction; whatever goes wrong is raised."""
        ledger, codes = await self.decider.load(connection, messages), []
        for message in messages:
            decision = self.decider.decide(ledger, message, DAWN)
            for change in decision.changes:
                ledger.put(change)
            codes.append(refusal_in(decision.effects))
        assert self.decider.save is not None
        await self.decider.save(connection, ledger)
        return codes


def new_merchant() -> str:
    return f"10{random.randrange(10**12):012d}"


def new_payment() -> str:
    return f"pay_{os.urandom(12).hex()}"


def a_trade(merchant_no: str, amount_fen: int = 1_000, **differences: Any) -> PostBooking:
    usual: dict[str, Any] = {
        "no": new_payment(), "channel_no": CHANNEL, "funds_flow": "platform", "fee_fen": 6,
    }  # fmt: skip
    trade = Trade(merchant_no=merchant_no, amount_fen=amount_fen, **usual | differences)
    return PostBooking(wish=trade)


def a_withdrawal(owner: str, amount_fen: int, no: str | None = None) -> PostBooking:
    no = no or os.urandom(6).hex()
    return PostBooking(wish=Withdrawal(no=no, owner=owner, amount_fen=amount_fen, fee_fen=1))


async def balance(pool: Pool, owner: str, kind: str = "payable") -> int:
    return await pool.fetchval(
        "SELECT balance_fen FROM accounting.account WHERE (owner, kind) = ($1, $2)", owner, kind
    )


# Two at once.


@pytest.mark.parametrize("seed", range(3))
async def test_two_workers_with_the_same_commands_in_any_order_book_each_of_them_once(
    shared: Pool, seed: int
) -> None:
    lots = random.Random(seed)
    merchants = [new_merchant() for _ in range(4)]
    messages = at_random(lots, merchants)

    async def work(shard: int) -> None:
        worker, mine = Worker(shared, shard), [*messages, *messages[:30]]
        lots.shuffle(mine)
        while mine:
            size = lots.choice([1, 5, 30])
            await worker.settle(mine[:size])
            mine = mine[size:]

    await asyncio.gather(work(0), work(1))
    booked = await numbers_booked(shared, messages)
    assert set(booked.values()) == {1}
    assert {m.wish.key for m in messages if isinstance(m.wish, Trade)} <= booked.keys()
    moved = dict.fromkeys(merchants, 0)
    for wish in (message.wish for message in messages if message.wish.key in booked):
        owner, amount_fen = moves(wish)
        moved[owner] += amount_fen
    assert {no: await balance(shared, no) for no in merchants} == moved
    assert await below_a_floor(shared) == []


def at_random(lots: random.Random, merchants: Sequence[str]) -> list[PostBooking]:
    """Money that comes in, and more wishes to take it out than there is."""

    def whose() -> str:
        return lots.choice(merchants)

    trades = [a_trade(whose(), lots.randrange(6, 3_000)) for _ in range(150)]
    withdrawals = [a_withdrawal(whose(), lots.randrange(1, 9_000)) for _ in range(60)]
    transfers = [
        PostBooking(
            wish=Transfer(
                no=os.urandom(6).hex(), owner=whose(), to_owner="agent_1", to_role="agent",
                amount_fen=lots.randrange(1, 5_000),
            )
        )
        for _ in range(40)
    ]  # fmt: skip
    return [*trades, *withdrawals, *transfers]


def moves(wish: Any) -> tuple[str, int]:
    """Which merchant's balance a wish has changed, and by how much."""
    match wish:
        case Trade():
            return wish.merchant_no, wish.amount_fen - 6
        case Withdrawal():
            return wish.owner, -wish.amount_fen - 1
        case _:
            return wish.owner, -wish.amount_fen


async def numbers_booked(pool: Pool, messages: Sequence[PostBooking]) -> Counter[str]:
    """How often each of these was booked, of those that were."""
    rows = await pool.fetch(
        "SELECT booking_key FROM accounting.booking WHERE booking_key = ANY($1)",
        [message.wish.key for message in messages],
    )
    return Counter(row["booking_key"] for row in rows)


async def below_a_floor(pool: Pool) -> list[asyncpg.Record]:
    """Entries after which a balance had passed its floor, at any time."""
    return await pool.fetch(
        "SELECT e.* FROM accounting.entry AS e JOIN accounting.account AS a USING (account_id)"
        " WHERE e.balance_after_fen < a.floor_fen"
    )


async def test_of_fifty_refunds_of_more_than_half_at_once_exactly_one_succeeds(
    shared: Pool,
) -> None:
    merchant_no = new_merchant()
    trade = a_trade(merchant_no)
    await Worker(shared).settle([trade, a_trade(merchant_no, 50_000)])
    refunds = [
        PostBooking(
            wish=Refund(
                no=os.urandom(6).hex(), payment_id=trade.wish.no, merchant_no=merchant_no,
                channel_no=CHANNEL, funds_flow="platform", amount_fen=600,
            )
        )
        for _ in range(50)
    ]  # fmt: skip
    workers = (Worker(shared, number % 2).settle([refund]) for number, refund in enumerate(refunds))
    codes = Counter(code for (code,) in await asyncio.gather(*workers))
    assert codes == {None: 1, "refund_above_payment": 49}
    assert await balance(shared, merchant_no) == 994 + 49_994 - 600


async def test_of_many_withdrawals_at_once_no_more_succeed_than_there_is_money_for(
    shared: Pool,
) -> None:
    merchant_no = new_merchant()
    await Worker(shared).settle([a_trade(merchant_no, 10_006)])
    wishes = [a_withdrawal(merchant_no, 2_999) for _ in range(20)]
    codes = await asyncio.gather(*(Worker(shared, n % 3).settle([w]) for n, w in enumerate(wishes)))
    assert Counter(code for (code,) in codes) == {None: 3, "insufficient_balance": 17}
    assert await balance(shared, merchant_no) == 1_000


async def test_a_repeat_that_waited_for_the_first_gets_its_answer_and_not_a_refusal(
    shared: Pool,
) -> None:
    merchant_no, hold_no = new_merchant(), os.urandom(6).hex()
    held = PlaceHold(hold_no=hold_no, owner=merchant_no, amount_fen=400, **BY)
    await Worker(shared).settle([a_trade(merchant_no, 1_006), held])
    everything = a_withdrawal(merchant_no, 599)
    back = ReleaseHold(release_no=hold_no, hold_no=hold_no, owner=merchant_no, **BY)
    for message in (everything, back):
        codes = await in_line_behind(
            shared,
            lambda c, m=message: Worker(shared).once(c, [m]),
            lambda c, m=message: Worker(shared, 1).once(c, [m]),
        )
        assert codes == [None]
    assert await balance(shared, merchant_no) == 400


@pytest.mark.parametrize("first", ["books", "changes"])
async def test_an_account_that_is_booked_at_once_again_has_all_that_was_booked_meanwhile(
    shared: Pool, first: str
) -> None:
    merchant_no = new_merchant()
    await Worker(shared).settle([a_trade(merchant_no)])
    number = await shared.fetchval(
        "SELECT account_no FROM accounting.account WHERE (owner, kind) = ($1, 'payable')",
        merchant_no,
    )
    await Worker(shared).settle([configured(number, "async"), a_trade(merchant_no)])
    booking, changing = [a_trade(merchant_no)], [configured(number, "sync")]
    one, two = (booking, changing) if first == "books" else (changing, booking)
    await overtaken(shared, one, two)
    await Worker(shared).settle([a_trade(merchant_no), ApplyPending()])
    assert await balance(shared, merchant_no) == 4 * 994


def configured(account_no: str, mode: Any) -> ConfigureAccount:
    return ConfigureAccount(
        change_no=os.urandom(6).hex(), account_no=account_no, booking_mode=mode, **BY
    )


async def overtaken(pool: Pool, one: Sequence[Message], two: Sequence[Message]) -> None:
    """While one has loaded and not yet saved, another does all of his work, or waits for it."""

    async def slowly() -> None:
        worker = Worker(pool)
        async with pool.acquire() as connection, connection.transaction():
            ledger = await worker.decider.load(connection, one)
            other.append(asyncio.create_task(Worker(pool, 1).settle(two)))
            await asyncio.wait(other, timeout=0.2)
            for change in worker.decider.decide(ledger, one[0], DAWN).changes:
                ledger.put(change)
            assert worker.decider.save is not None
            await worker.decider.save(connection, ledger)

    other: list[asyncio.Task[Any]] = []
    try:
        await slowly()
    except Exception as error:
        assert is_clash(error), error
        await Worker(pool).settle(one)
    await other[0]


# Crashes between any two statements.


class Cut(Exception):
    """Here the worker dies."""


class Doomed:
    """A connection on which a worker dies at a certain statement: raises, or is cut off."""

    STATEMENTS = ("fetch", "fetchrow", "fetchval", "execute", "copy_records_to_table")

    def __init__(self, connection: Any, dies_at: int, how: str) -> None:
        self._connection, self._left, self._how = connection, dies_at, how

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        return self._counted(found) if name in self.STATEMENTS else found

    def _counted(self, statement: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def run(*arguments: Any, **options: Any) -> Any:
            self._left -= 1
            if self._left < 0 and self._how == "raises":
                raise Cut
            if self._left < 0:
                self._connection.terminate()
            return await statement(*arguments, **options)

        return run


def something_of_everything(merchant_no: str) -> list[Message]:
    """A batch that writes to nearly every table."""
    trade, hold_no = a_trade(merchant_no, 5_000), os.urandom(6).hex()
    refund = Refund(
        no=hold_no, payment_id=trade.wish.no, merchant_no=merchant_no, channel_no=CHANNEL,
        funds_flow="platform", amount_fen=100,
    )  # fmt: skip
    return [
        trade,
        a_trade(merchant_no, 300),
        PlaceHold(hold_no=hold_no, owner=merchant_no, amount_fen=700, **BY),
        PostBooking(wish=refund),
        a_withdrawal(merchant_no, 50),
        ReleaseHold(
            release_no=hold_no, hold_no=hold_no, owner=merchant_no, amount_fen=200, **BY
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["raises", "is cut off"])
async def test_a_worker_who_dies_between_any_two_statements_leaves_nothing_half_done(
    url: str, shared: Pool, how: str
) -> None:
    batch, worker = something_of_everything(new_merchant()), Worker(shared)
    before, statements = await everything(shared), 0
    while await dies(url, worker, batch, statements, how):
        assert await everything(shared) == before
        statements += 1
    assert statements > 10
    done = await everything(shared)
    assert done != before
    assert await worker.settle(batch) == [None] * len(batch)  # delivered once more
    assert await everything(shared) == done


async def dies(url: str, worker: Worker, batch: Sequence[Message], at: int, how: str) -> bool:
    """Whether the worker has died before the end of a batch."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await worker.once(Doomed(connection, at, how), batch)
    except (Cut, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError):
        return True
    finally:
        connection.terminate()
    return False


async def test_a_commit_whose_answer_is_lost_is_not_done_again(url: str, shared: Pool) -> None:
    batch = something_of_everything(new_merchant())
    connection = await asyncpg.connect(url)
    transaction = connection.transaction()
    await transaction.start()
    await Worker(shared).once(connection, batch)
    await asyncio.wait([asyncio.ensure_future(transaction.commit())], timeout=0)
    connection.terminate()
    await Worker(shared).settle(batch)
    done = await everything(shared)
    assert await Worker(shared).settle(batch) == [None] * len(batch)
    assert await everything(shared) == done


async def everything(pool: Pool) -> list[asyncpg.Record]:
    """All rows of all tables."""
    return await pool.fetch(f"{EVERYTHING} ORDER BY 1, 2")
