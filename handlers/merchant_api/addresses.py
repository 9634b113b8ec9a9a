"""Where a request comes from, and whether the merchant allows that place."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web

LISTS_PARSED_MAX = 4096


def client_address(request: web.Request, *, trust_proxy: bool) -> str:
    """The client's address: the last entry of X-Forwarded-For behind a proxy of our own.

    The last entry of the last such header, because that is the one which our proxy has seen itself;
    whatever stands before it are the client's own words.
    """
    if trust_proxy:
        return request.headers.getall("X-Forwarded-For", [""])[-1].rpartition(",")[2].strip()
    return request.remote or ""


def is_allowed(address: str, allow_list: tuple[str, ...]) -> bool:
    """Whether the address lies in one of the networks; an empty list allows any."""
    if not allow_list:
        return True
    try:
        client = _plain(ip_address(address))
    except ValueError:  # a proxy that names nobody
        return False
    return any(client in network for network in _networks(allow_list))


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """A dual-stack socket shows IPv4 clients as ::ffff:a.b.c.d."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


@lru_cache(maxsize=LISTS_PARSED_MAX)
def _networks(allow_list: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(network, strict=False) for network in allow_list)
