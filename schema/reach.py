"""How far we reach: which addresses a merchant may have us call, decided without asking anybody.

A merchant names the address, and our network is not his: without these rules a webhook could read
the cloud's metadata service or speak to our own database (server-side request forgery). They are
asked twice: of the URL when it is saved, and of the very address that a socket is opened to.

Python's `is_global` is not enough: in 3.11 it takes 192.88.99.1, multicast, 64:ff9b::/96,
2002::/16, 3fff::/20, 5f00::/16, fec0::/10 and ::127.0.0.1 for public.
Sources: IANA special-purpose address registries (RFC 6890), RFC 6052, RFC 3056, RFC 4380.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from urllib.parse import SplitResult, urlsplit

import idna

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

URL_LENGTH_MAX = 2_048

NOT_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "::/96", "::1/128", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32",
        "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
        "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
"""NAT64, 6to4, Teredo and IPv4-compatible addresses hide an IPv4 address inside: refused whole."""

METADATA = frozenset(
    ip_address(address)
    for address in ("169.254.169.254", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)
"""Where clouds hand out credentials (AWS, Azure and Google; Alibaba; Oracle; AWS over IPv6). A
network that merely contains one does not allow it; only the address itself does."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What an installation allows beyond the public internet."""

    ports: frozenset[int] = frozenset({80, 443, 8080, 8443})
    private_networks: tuple[Network, ...] = ()
    """Explicitly allowed: a merchant's own network, or a test. Where an address stands there as a
    number, port and scheme are free as well; a name has to keep to the rules for both."""
    plain_http: bool = False
    own_hosts: frozenset[str] = frozenset()
    """Our own doors, which nobody may have us knock at."""

    @classmethod
    def of(cls, *, ports: str, private_networks: str, plain_http: bool, public_url: str) -> Reach:
        """From settings: lists are separated by commas. Raises ValueError for a wrong one."""
        return cls(
            ports=frozenset(int(port) for port in _listed(ports)),
            private_networks=tuple(ip_network(text) for text in _listed(private_networks)),
            plain_http=plain_http,
            own_hosts=frozenset({_authority(urlsplit(public_url))}),
        )

    def is_private_allowed(self, address: Address) -> bool:
        """Whether this address is on the installation's own list."""
        plain = unwrapped(address)
        return any(
            plain in network
            and (plain not in METADATA or network.prefixlen == network.max_prefixlen)
            for network in self.private_networks
        )

    def allows(self, address: str) -> bool:
        """Whether a socket may be opened to this address. What can't be read may not."""
        try:
            plain = unwrapped(ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        return is_public(plain) or self.is_private_allowed(plain)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet."""
    return not any(address in network for network in NOT_PUBLIC)


def unwrapped(address: Address) -> Address:
    """The IPv4 address in an IPv4-mapped one, which a kernel connects to as IPv4."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def objection(url: str, reach: Reach) -> str | None:
    """Why this URL can't be called, as far as can be said without asking the DNS; None if it can.

    A host that is a name is judged again by the addresses it leads to, each time it is called.
    """
    if len(url) > URL_LENGTH_MAX:
        return f"longer than {URL_LENGTH_MAX} characters"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "not a URL"
    return _wrong_form(parts) or _wrong_place(parts, port, reach)


def _wrong_form(parts: SplitResult) -> str | None:
    if parts.scheme not in ("http", "https"):
        return "only http and https can be called"
    if parts.username is not None or parts.password is not None:
        return "a user name or password may not stand in it"
    if parts.fragment:
        return "a fragment may not stand in it"
    return None if parts.hostname else "it names no host"


def _wrong_place(parts: SplitResult, port: int | None, reach: Reach) -> str | None:
    host = _ascii(parts.hostname or "")
    if host is None:
        return "the host is not a name"
    literal = _literal(host)
    if literal is None and _looks_like_number(host):
        return "an address in an unusual form"
    if _authority(parts) in reach.own_hosts:
        return "it leads to ourselves"
    if literal is not None and reach.is_private_allowed(literal):
        return None
    if literal is not None and not is_public(unwrapped(literal)):
        return "the address is not public"
    return _wrong_door(parts.scheme, port, reach)


def _wrong_door(scheme: str, port: int | None, reach: Reach) -> str | None:
    if scheme == "http" and not reach.plain_http:
        return "https is needed"
    port = port or (443 if scheme == "https" else 80)
    return None if port in reach.ports else f"port {port} can't be called"


def _ascii(host: str) -> str | None:
    """The host as it is looked up, with full-width digits and dots in their plain form."""
    if ":" in host:
        return host
    try:
        plain = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return None
    labels = plain.removesuffix(".").split(".")
    is_name = all(0 < len(label) <= 63 for label in labels) and len(plain) <= 253
    return plain.lower() if is_name else None


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _looks_like_number(host: str) -> bool:
    """`127.1`, `0x7f000001`, `2130706433`, `0177.0.0.1`: names never end in a number."""
    last = host.removesuffix(".").rpartition(".")[2]
    return last.isdecimal() or last.startswith("0x")


def _authority(parts: SplitResult) -> str:
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.hostname}:{port}"


def _listed(text: str) -> Sequence[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
