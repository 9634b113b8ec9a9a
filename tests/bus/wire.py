"""A wire to the broker that can be listened to, slowed down and cut: a TCP proxy on loopback."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from pamqp.exceptions import UnmarshalingException
from pamqp.frame import unmarshal
from yarl import URL


class Wire:
    """Carries bytes both ways until it is cut, and counts the AMQP frames among them."""

    def __init__(self, url: str, *, lag_s: float = 0.0) -> None:
        self._far_end = URL(url)
        self._lag_s = lag_s
        self._writers: set[StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._port = 0
        self.url = ""
        self.to_broker: Counter[str] = Counter()
        """Frames by name, such as `Basic.Ack`."""
        self.from_broker: Counter[str] = Counter()

    async def lay(self) -> None:
        """Listens; connections to `url`, which stays the same, from now on reach the far end."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = str(self._far_end.with_host("127.0.0.1").with_port(self._port))

    def cut(self) -> None:
        """Ends every connection without a good-bye; new ones are carried again."""
        for writer in self._writers:
            writer.transport.abort()

    async def tear_down(self) -> None:
        """Cuts, and carries nothing any more."""
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    async def _carry(self, near_reader: StreamReader, near_writer: StreamWriter) -> None:
        host, port = self._far_end.host, self._far_end.port
        far_reader, far_writer = await asyncio.open_connection(host, port)
        ends = {near_writer, far_writer}
        self._writers |= ends
        await asyncio.gather(
            self._pump(near_reader, far_writer, self.to_broker),
            self._pump(far_reader, near_writer, self.from_broker),
        )
        self._writers -= ends

    async def _pump(self, reader: StreamReader, writer: StreamWriter, frames: Counter[str]) -> None:
        unread = bytearray()
        with suppress(ConnectionError):
            while piece := await reader.read(65_536):
                unread += piece
                _count(unread, frames)
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(self._lag_s)  # what comes meanwhile arrives at once
        writer.close()


@asynccontextmanager
async def a_wire(url: str, *, lag_s: float = 0.0) -> AsyncIterator[Wire]:
    """A wire to the server at this address."""
    wire = Wire(url, lag_s=lag_s)
    await wire.lay()
    yield wire
    await wire.tear_down()


def _count(unread: bytearray, frames: Counter[str]) -> None:
    """Counts the whole frames and takes them away."""
    with suppress(UnmarshalingException):  # the rest of the last one is still to come
        while unread:
            length, _, frame = unmarshal(bytes(unread))
            frames[frame.name] += 1
            del unread[:length]
