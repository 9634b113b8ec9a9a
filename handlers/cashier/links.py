"""The addresses of an installation's cashier pages."""

from __future__ import annotations

from bus.vault import Vault
from schema.cashier import Links
from schema.settings import Settings


def links_of(settings: Settings, vault: Vault) -> Links:
    """Every process makes the same addresses, by the installation's key."""
    key = vault.derived_key("cashier pages")
    return Links(base_url=settings.public_url.rstrip("/"), key=key)
