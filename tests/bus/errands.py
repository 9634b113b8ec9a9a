"""The caller among the example rooms, and the peer that it calls."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from bus.caller import Caller, Recorded
from bus.database import Connection
from bus.effects import Publish
from bus.topology import Inlet
from schema.messages.contract import Message
from tests.bus.rooms import ERRANDS, Done, Run, Visit


@dataclass(frozen=True, slots=True)
class Ticket:
    """One try at one errand; `request_no` is ours, and the same for ever."""

    errand_no: str
    number: int
    refusals: int = 0
    lane: str = "errands"
    is_new: bool = True

    @property
    def request_no(self) -> str:
        return f"{self.errand_no}-{self.number}"


def errands(url: str, *, inlet: Inlet = ERRANDS, in_flight_max: int = 100) -> Caller[Ticket, str]:
    """The caller that runs errands at the peer with this address."""

    async def call(ticket: Ticket) -> str:
        async with aiohttp.ClientSession(url) as session:
            if not ticket.is_new and (known := await _query(session, ticket)) is not None:
                return known
            return await _send(session, ticket)

    return Caller(
        inlet=inlet,
        open=open_tickets,
        call=call,
        record=record,
        lane=lambda ticket: (ticket.lane, in_flight_max),
    )


async def open_tickets(
    connection: Connection, messages: Sequence[Message], now: datetime
) -> list[Ticket | None]:
    """The next try of each errand; none where the errand is done."""
    return [await _open(connection, message) for message in messages]


async def _open(connection: Connection, message: Message) -> Ticket | None:
    assert isinstance(message, Run | Visit)
    refusals = message.refusals if isinstance(message, Run) else 0
    lane = message.lane if isinstance(message, Visit) else "errands"
    first = await connection.execute(
        "INSERT INTO example.errand (errand_no, try) VALUES ($1, 1) ON CONFLICT DO NOTHING",
        message.errand_no,
    )
    number = await connection.fetchval(
        "SELECT try FROM example.errand WHERE errand_no = $1 AND answer IS NULL", message.errand_no
    )
    if number is None:
        return None
    return Ticket(message.errand_no, number, refusals, lane, is_new=first.endswith(" 1"))


async def record(
    connection: Connection, pairs: Sequence[tuple[Ticket, str]], now: datetime
) -> list[Recorded[Ticket]]:
    """Keeps the answers; a refused errand is tried again, a done one is told."""
    return [await _record(connection, ticket, answer) for ticket, answer in pairs]


async def _record(connection: Connection, ticket: Ticket, answer: str) -> Recorded[Ticket]:
    errand_no, number = ticket.errand_no, ticket.number
    await connection.execute(
        "UPDATE example.errand SET answer = $3 WHERE errand_no = $1 AND try = $2",
        errand_no, number, answer,
    )  # fmt: skip
    if answer == "done":
        return Recorded((Publish(Done(errand_no=errand_no, tries=number), subject=errand_no),))
    await connection.execute(
        "INSERT INTO example.errand (errand_no, try) VALUES ($1, $2)", errand_no, number + 1
    )
    return Recorded(again=Ticket(errand_no, number + 1, ticket.refusals, ticket.lane))


async def _query(session: aiohttp.ClientSession, ticket: Ticket) -> str | None:
    async with session.get(f"/{ticket.request_no}") as response:
        return None if response.status == 404 else await response.text()


async def _send(session: aiohttp.ClientSession, ticket: Ticket) -> str:
    wish = "refuse" if ticket.number <= ticket.refusals else "do"
    async with session.post(f"/{ticket.request_no}", data=wish) as response:
        return await response.text()


@dataclass
class Peer:
    """The outside world: remembers what it was asked, and can keep silent."""

    url: str = ""
    sent: Counter[str] = field(default_factory=Counter)
    queried: Counter[str] = field(default_factory=Counter)
    answers: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    """Request numbers, or starts of them, that are done and never answered."""
    busy: int = 0
    busy_max: int = 0
    takes_s: float = 0.0

    async def do(self, request: web.Request) -> web.Response:
        """Does what it is asked, then answers, or not."""
        number = request.match_info["number"]
        self.sent[number] += 1
        self.answers[number] = "refused" if await request.text() == "refuse" else "done"
        self.busy += 1
        self.busy_max = max(self.busy_max, self.busy)
        try:
            await asyncio.sleep(self.takes_s)
            while number.startswith(tuple(self.silent)):
                await asyncio.sleep(0.05)
        finally:
            self.busy -= 1
        return web.Response(text=self.answers[number])

    async def tell(self, request: web.Request) -> web.Response:
        """Says how it stands with what it was asked."""
        number = request.match_info["number"]
        self.queried[number] += 1
        if number not in self.answers:
            raise web.HTTPNotFound
        return web.Response(text=self.answers[number])


@asynccontextmanager
async def a_peer() -> AsyncIterator[Peer]:
    """A peer on a loopback port."""
    peer = Peer()
    app = web.Application()
    app.add_routes([web.post("/{number}", peer.do), web.get("/{number}", peer.tell)])
    async with TestServer(app) as server:
        peer.url = str(server.make_url("/"))
        yield peer
        peer.silent.clear()
