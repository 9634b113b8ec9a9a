"""What a front tells the world about its platform, so that the world can speak for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web
from msgspec import Struct

from handlers.simulator.world.merchants import Merchant, Told
from schema.channels.language import Protocols

if TYPE_CHECKING:
    from handlers.simulator.world.notices import Letter, Notice
    from handlers.simulator.world.trades import Trade
    from handlers.simulator.world.world import World


class Front(Struct, frozen=True, kw_only=True):
    """One platform: its paths, its manners with notices, and its numbers."""

    protocol: Protocols
    account_type: type[Struct]
    """The platform's end of a merchant's account, tagged with the protocol."""
    number_of: Callable[[Any], str]
    """The platform's number for the merchant of such an account."""
    keys_of: Callable[[Any], Any]
    """The account ready for use. ValueError names the field that is wrong."""
    routes: Sequence[web.RouteDef]

    payment_number: Callable[[datetime], str]
    """A new number of a payment 交易号; random, as a restart forgets everything."""
    refund_number: Callable[[datetime], str]
    transfer_number: Callable[[datetime], str]
    share_number: Callable[[datetime], str]

    retry_after_s: tuple[int, ...]
    """The waits after an unacknowledged notice."""
    answer_within_s: int
    ack_statuses: tuple[int, ...] = (200, 204)
    ack_body: bytes | None = None
    """What the answer has to be, bare of spaces around it; None: the status alone counts."""
    write_notice: Callable[[Merchant, Notice[Any], datetime], Letter]
    """Signs a notice anew for each try; the last argument is the true time."""
    forge: Callable[[Letter], Letter]
    """The same letter, its signature replaced by one that is well formed and wrong."""
    is_told: Callable[[Told], bool] = lambda _: True
    """Whether the platform tells of this at all: not all tell of transfers or shares."""
    shown: Callable[[World, Trade], None] = lambda _world, _trade: None
    """What the platform does when a payer opens an order: some only know it from then on."""
    new_account: Callable[[str, str, str], tuple[Struct, Struct]]
    """Both ends of a new account, the merchant's first, from a number, the platform's origin and
    the merchant's notify address. It makes keys, which takes a while."""
