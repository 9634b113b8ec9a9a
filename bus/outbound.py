"""HTTP to addresses that strangers have named: only to where `schema/reach.py` lets us go.

The resolver gives clear errors; the gate is the socket factory, which sees the very address that is
connected to. So neither a literal address (aiohttp asks no resolver for it) nor a name that leads
somewhere else the second time (DNS rebinding) comes past it. A pooled connection was judged when it
was opened, and is not kept for long.
"""

from __future__ import annotations

import asyncio
import resource
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from schema.reach import Reach

KEPT_ALIVE_S = 15.0
DNS_THREADS = 8
"""Name servers of strangers may hang: they hold these threads up, and nothing else of ours."""

DNS_WAIT_S = 5.0


class NotAllowed(OSError):
    """The address is not one that may be called."""

    def __str__(self) -> str:
        return type(self).__doc__ or ""


class NoSuchName(OSError):
    """The name of the host leads nowhere."""

    def __str__(self) -> str:
        return type(self).__doc__ or ""


class GuardedResolver(AbstractResolver):
    """Looks names up and leaves out the addresses that may not be called."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._threads = ThreadPoolExecutor(DNS_THREADS, thread_name_prefix="dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises NoSuchName, or NotAllowed where none may be called."""
        found = await self._look_up(host, port, family)
        allowed = [entry for entry in found if self._reach.allows(entry[4][0])]
        if not allowed:
            raise NotAllowed
        return [_result(host, entry) for entry in allowed]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _look_up(self, host: str, port: int, family: socket.AddressFamily) -> list[Any]:
        ask = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        asked = asyncio.get_running_loop().run_in_executor(self._threads, ask)
        try:
            async with asyncio.timeout(DNS_WAIT_S):
                return await asked
        except (OSError, UnicodeError) as error:  # a TimeoutError is an OSError
            raise NoSuchName from error


def guarded_connector(reach: Reach, resolver: AbstractResolver) -> aiohttp.TCPConnector:
    """Connections that can only be opened to where we may go. Callers limit their number."""

    def open_socket(address: Any) -> socket.socket:
        family, kind, protocol, _, sockaddr = address
        if not reach.allows(sockaddr[0]):
            raise NotAllowed
        return socket.socket(family, kind, protocol)

    return aiohttp.TCPConnector(
        resolver=resolver,
        socket_factory=open_socket,
        keepalive_timeout=KEPT_ALIVE_S,
        limit=0,
        ttl_dns_cache=10,
    )


def allow_handles(wanted: int) -> None:
    """Lets this process open so many files and sockets, if the system's hard limit allows it: the
    usual soft limit of 1,024 is used up by a thousand slow servers."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def names_objection(host: str, resolver: GuardedResolver) -> str | None:
    """Why a host can't be called, now that the DNS is asked; None if it can."""
    try:
        await resolver.resolve(host)
    except OSError as error:
        return str(error)
    return None


def _result(host: str, entry: Any) -> ResolveResult:
    family, _, protocol, _, sockaddr = entry
    return ResolveResult(
        hostname=host,
        host=sockaddr[0],
        port=sockaddr[1],
        family=family,
        proto=protocol,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
