"""Fresh accounts at the simulated platforms: both ends of each, with keys made now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from handlers.simulator.alipay.accounts import generate_certified_account
from handlers.simulator.bank.accounts import generate_bank_account
from handlers.simulator.fronts import FRONTS
from handlers.simulator.unionpay.accounts import generate_unionpay_account
from handlers.simulator.wechat.accounts import generate_account
from schema.channels.language import Protocols

BothEnds = tuple[Struct, Struct]
"""Ours, which is sealed in the channel's profile, and the platform's, which the simulator keeps."""

NUMBERS: dict[Protocols, tuple[str, ...]] = {
    "wechat": ("1900000109", "wx8888888888888888"),
    "alipay": ("2021000100000001",),
    "unionpay": ("10000001", "777290058110048"),
    "bank": ("tomato01",),
}
"""How the platform names the merchant: of the form that its real numbers have."""

_MAKERS: dict[Protocols, Callable[..., tuple[Any, Any]]] = {
    "wechat": generate_account,
    "alipay": generate_certified_account,
    "unionpay": generate_unionpay_account,
    "bank": generate_bank_account,
}


SERVED: tuple[Protocols, ...] = tuple(
    protocol for protocol in NUMBERS if protocol in {front.protocol for front in FRONTS}
)
"""Those that the simulator plays."""


def generate(protocol: Protocols, base_url: str, notify_url: str) -> BothEnds:
    """A new account of the usual number."""
    return _MAKERS[protocol](*NUMBERS[protocol], base_url, notify_url)
