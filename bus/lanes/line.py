"""The lanes' own connection, apart from publishing: a broker short of memory stops reading from
those that publish, and then would not see their acknowledgements either."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiormq.abc import AbstractChannel, AbstractConnection

from bus.broker import Broker
from bus.errors import TryLater

CLOSE_TIMEOUT_S = 3.0


class Line:
    """A connection that is made when it is needed. When it is lost, everything on it is gone:
    its channels say so, and whoever needs one asks for a new one."""

    def __init__(self, broker: Broker, purpose: str) -> None:
        self._broker = broker
        self._purpose = purpose
        self._connection: AbstractConnection | None = None
        self._connecting = asyncio.Lock()

    @property
    def is_up(self) -> bool:
        """Whether it stands, as far as we know."""
        return self._connection is not None and not self._connection.is_closed

    async def channel(self) -> AbstractChannel:
        """A new channel. Raises what the broker's absence raises."""
        async with self._connecting:
            if self._connection is None or self._connection.is_closed:
                self._connection = await self._broker.plain_connection(self._purpose)
        try:
            return await self._connection.channel(publisher_confirms=False)
        except RuntimeError as error:  # that is how aiormq says that it was lost just now
            raise TryLater(f"RabbitMQ: {error}") from error

    async def close(self) -> None:
        """Acknowledgements that are on their way still go out."""
        if self._connection is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._connection.close()
