"""The counting house: accounting as processes of its own, and people who keep sending it work."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from aio_pika import connect

from actors.accounting.actor import ACCOUNTING
from bus.broker import Broker
from bus.effects import Outgoing, deliveries
from bus.origin import new_event
from bus.topology import dead_queue
from deploy.local.folders import CHECKOUT
from deploy.local.ports import Ports
from deploy.local.processes import inherited_environment
from deploy.local.services import Services
from schema.bookings import Refund, Withdrawal
from schema.messages.accounting import PlaceHold, PostBooking, ReleaseHold
from schema.messages.contract import Message
from tests.actors.ledger_answers import Answers, told_as_a_trade
from tests.actors.ledger_world import DAWN
from tests.examples import a_paid_payment
from tests.faults.programs import Program
from tests.sites import Site
from tests.waiting import at_last

MERCHANTS = tuple(f"10251122{number:05d}" for number in range(20))
CHANNEL = "wechat_books"
BY = {"operator": "alice", "reason": "a complaint"}
PACK = 20
PAUSE_S = 0.02
SETTLED_WITHIN_S = 90.0

LEADER = "SELECT holder, epoch FROM bus.lease WHERE name = 'accounting.0'"
BOOKED_SINCE = "SELECT EXISTS (SELECT FROM accounting.batch WHERE epoch > $1)"
STANDING = """
SELECT role, kind, owner, sum(balance_fen)::bigint AS balance_fen FROM accounting.account
GROUP BY role, kind, owner
"""


def new_payment() -> str:
    return f"pay_{os.urandom(12).hex()}"


def a_fact(number: int) -> Message:
    """A payer has paid one of the merchants ten yuan."""
    merchant_no = MERCHANTS[number % len(MERCHANTS)]
    return a_paid_payment(new_payment(), merchant_no, channel_no=CHANNEL, cost_fen=2)


@dataclass
class Work:
    """What was sent, of which the broker has confirmed every piece; all of it can be carried out.

    Commands take what the opening payments have brought, so that none of them is ever refused.
    """

    broker: Broker
    confirmed: list[Message] = field(default_factory=list)
    openings: dict[str, str] = field(default_factory=dict)
    sent: int = 0

    async def open(self) -> None:
        """Everybody has a lot of money before anybody takes some out."""
        for merchant_no in MERCHANTS:
            self.openings[merchant_no] = new_payment()
        await self.send(
            [
                a_paid_payment(
                    payment_id, merchant_no, channel_no=CHANNEL, amount_fen=90_000_000, fee_fen=0
                )
                for merchant_no, payment_id in self.openings.items()
            ]
        )

    async def send(self, messages: Sequence[Message]) -> None:
        """Returns when the broker has all of it, whatever becomes of the broker meanwhile."""
        outgoing = [Outgoing.of(message, new_event(message)) for message in messages]
        await self.broker.publish(deliveries(outgoing))
        self.confirmed += messages

    async def go_on(self, is_over: asyncio.Event) -> None:
        """Sends a pack every now and then; each is sent to its end."""
        while not is_over.is_set():
            first, self.sent = self.sent, self.sent + PACK
            pack = [a_fact(number) for number in range(first, first + PACK)]
            await self.send([*pack, *self.commands(first // PACK)])
            await asyncio.sleep(PAUSE_S)

    def commands(self, number: int) -> list[Message]:
        """A withdrawal, a refund, and a hold that is released in part."""
        no, owner = os.urandom(8).hex(), MERCHANTS[number % len(MERCHANTS)]
        refund = Refund(
            no=no, payment_id=self.openings[owner], merchant_no=owner, channel_no=CHANNEL,
            funds_flow="platform", amount_fen=3,
        )  # fmt: skip
        return [
            PostBooking(wish=Withdrawal(no=no, owner=owner, amount_fen=10, fee_fen=1)),
            PostBooking(wish=refund),
            PlaceHold(hold_no=no, owner=owner, amount_fen=7, **BY),
            ReleaseHold(release_no=no, hold_no=no, owner=owner, amount_fen=4, **BY),
        ]


@dataclass
class House:
    """Two workers for the same books, who may be killed."""

    services: Services
    site: Site
    workers: list[Program]
    work: Work

    @asynccontextmanager
    async def database(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection of the moment: the server may have died since the last one."""
        connection = await asyncpg.connect(self.site.postgres_url)
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Work keeps coming in until the end of the block."""
        before, is_over = len(self.work.confirmed), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.work.go_on(is_over))
            try:
                yield
            finally:
                is_over.set()
        assert len(self.work.confirmed) > before + 500

    async def leader(self) -> tuple[Program, int]:
        """Who holds the books now, and since which epoch."""

        async def found() -> tuple[Program, int] | None:
            async with self.database() as connection:
                row = await connection.fetchrow(LEADER)
            for worker in self.workers:
                process = worker.process
                if row and process and f":{process.pid}:" in (row["holder"] or ""):
                    return worker, row["epoch"]
            return None

        return await at_last(found)

    async def is_booked_after(self, epoch: int) -> bool:
        """Whether somebody has booked under a later lease."""
        async with self.database() as connection:
            return await connection.fetchval(BOOKED_SINCE, epoch)

    async def all_ends_well(self) -> None:
        """All that was confirmed is booked once, and the books can be proved."""
        keys = [key_of(message) for message in self.work.confirmed]
        try:
            await at_last(lambda: self._are_booked(keys), within_s=SETTLED_WITHIN_S)
        except TimeoutError:
            words = "\n".join(worker.last_words() for worker in self.workers)
            raise AssertionError(words) from None
        await self._balances_are_right()
        await self._nobody_is_alarmed()
        await asyncio.to_thread(self._the_books_are_proved)

    async def _are_booked(self, keys: Sequence[str]) -> bool:
        async with self.database() as connection:
            count = await connection.fetchval(
                "SELECT count(*) FROM accounting.booking WHERE booking_key = ANY($1)", keys
            )
        return count == len(set(keys)) == len(keys)

    async def _balances_are_right(self) -> None:
        model = Answers({})
        for message in self.work.confirmed:
            assert model.hear(message, DAWN) == set()
        async with self.database() as connection:
            rows = await connection.fetch(STANDING)
        standing = {(r["role"], r["kind"], r["owner"]): r["balance_fen"] for r in rows}
        assert standing == {key: model.balance[key] for key in standing}
        assert sum(standing.values()) == 0

    async def _nobody_is_alarmed(self) -> None:
        async with self.database() as connection:
            assert await connection.fetch("SELECT * FROM accounting.alarm") == []
        async with await connect(self.site.rabbitmq_url) as connection:
            channel = await connection.channel()
            name = dead_queue(ACCOUNTING.queue)
            dead = await channel.declare_queue(name, passive=True)
            assert dead.declaration_result.message_count == 0

    def _the_books_are_proved(self) -> None:
        proved = subprocess.run(
            [sys.executable, str(CHECKOUT / "runner.py"), "ledger", "check"],
            env={**inherited_environment(), **self.workers[0].environment},
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
        )
        assert proved.returncode == 0, proved.stdout + proved.stderr


def key_of(message: Any) -> str:
    """The key under which a command or fact is booked."""
    match message:
        case PostBooking():
            return message.wish.key
        case PlaceHold():
            return f"hold:{message.hold_no}"
        case ReleaseHold():
            return f"release:{message.release_no}"
        case _:
            return told_as_a_trade(message).key


@asynccontextmanager
async def a_counting_house(services: Services, site: Site, folder: Path) -> AsyncIterator[House]:
    """Two workers running and ready; whatever happens, both are gone at the end."""
    ports = Ports(services.folder)
    environment = site.environment() | {"TOMATO_LEDGER_ANCHOR_URL": str(folder / "anchors")}
    async with AsyncExitStack() as stack:
        workers: list[Program] = []
        for name in ("books_one", "books_two"):
            port = ports.claim(name)
            words = ["run", "accounting", f"--operations-port={port}"]
            workers.append(Program(name, words, port, folder / f"{name}.log", environment))
            stack.callback(workers[-1].end)
            workers[-1].start()
        broker = Broker(site.rabbitmq_url, name="payers")
        await broker.connect()
        stack.push_async_callback(broker.stop)
        await asyncio.gather(*(worker.is_ready() for worker in workers))
        house = House(services, site, workers, Work(broker))
        await house.work.open()
        await house.all_ends_well()
        yield house
