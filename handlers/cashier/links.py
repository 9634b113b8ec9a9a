"""The addresses of an installation's cashier pages."""

from __future__ import annotations

from bus.process import Shared
from schema.cashier import Links


def links_of(shared: Shared) -> Links:
    """Every process makes the same addresses, by the installation's key."""
    key = shared.vault.derived_key("cashier pages")
    return Links(base_url=shared.settings.public_url.rstrip("/"), key=key)
