"""The few things that may be raised. A business "no" is a fact, never one of these."""

from __future__ import annotations

import asyncpg
import redis.exceptions
from aio_pika.exceptions import AMQPConnectionError, ChannelClosed, DeliveryError
from aiormq.exceptions import AMQPError, ChannelInvalidStateError


class TomatoError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__class__.__doc__)


class TryLater(TomatoError):
    """A service that we need is away; nothing is lost, try again later."""


class TheirMistake(TomatoError):
    """The peer broke its protocol."""


class OurMistake(TomatoError):
    """We broke a promise of our own; a person has to look."""


class Clash(TomatoError):
    """Another worker changed the same rows first; load again and decide again."""


class Fenced(TomatoError):
    """Another worker holds the lease now; whatever was about to be written is theirs to write."""


_AWAY = (
    TryLater,
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.ReadOnlySQLTransactionError,
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.BusyLoadingError,
    AMQPConnectionError,
    ChannelInvalidStateError,
    ChannelClosed,
)

_CLASH = (
    Clash,
    asyncpg.UniqueViolationError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
)


def world_is_down(error: BaseException) -> bool:
    """Whether a service is away, which is no message's fault.

    asyncpg's InterfaceError also covers arguments that it can't encode: those are ValueErrors, and
    trying again would last for ever.
    """
    return isinstance(error, _AWAY) and not isinstance(error, ValueError)


def is_clash(error: BaseException) -> bool:
    """Whether the same batch may well succeed when it is loaded again."""
    return isinstance(error, _CLASH)


def is_broker_trouble(error: BaseException) -> bool:
    """Whether a publish may be repeated: not confirmed, returned, or the connection is gone."""
    return isinstance(error, (AMQPError, DeliveryError, OSError, TimeoutError, RuntimeError))
