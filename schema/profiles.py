"""Profiles: what the merchant registry publishes for the other rooms and the doors to read.

A profile is one document, read through a two-level cache. Secrets inside are sealed (encrypted
with the installation's key), so that a copy in Redis is as safe as the row in PostgreSQL.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from schema.channels.language import Protocols
from schema.events import Moment
from schema.money import AMOUNT_FEN_MAX, AmountFen, RatePpm
from schema.products import PayType
from schema.routing import ChannelLimits, RuleBinding
from schema.text import PRINTABLE, ChannelNo, MerchantNo, WebUrl

Sealed = Annotated[str, Meta(description="AES-256-GCM ciphertext, base64; see bus/vault.py.")]


class ApiKey(Struct, frozen=True, kw_only=True):
    """One way to sign a request: a shared secret (HMAC) or the merchant's public key (RSA)."""

    key_id: str
    hmac_secret: Sealed | None = None
    rsa_public_key_pem: str | None = None


class Binding(Struct, frozen=True, kw_only=True):
    """A channel that the merchant may use for a pay type. Lower priority numbers come first."""

    pay_type: PayType
    channel_no: ChannelNo
    tier: Literal["default", "backup"] = "default"
    priority: Annotated[int, Meta(ge=0, le=999)] = 100
    weight: Annotated[int, Meta(ge=0, le=10_000)] = 100


class OldSecret(Struct, frozen=True, kw_only=True):
    """A webhook secret that still signs beside the new one: nothing is refused meanwhile."""

    webhook_secret: Sealed
    expires_at: Moment


class RiskLimits(Struct, frozen=True, kw_only=True):
    """Limits of a single transaction, both ends included."""

    single_min_fen: AmountFen = 1
    single_max_fen: AmountFen = AMOUNT_FEN_MAX


class MerchantProfile(Struct, frozen=True, kw_only=True):
    """A merchant 商户 as the other rooms know it."""

    merchant_no: MerchantNo
    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=PRINTABLE)]
    version: int = 1
    status: Literal["active", "suspended"] = "active"
    api_keys: tuple[ApiKey, ...] = ()
    ip_allow_list: tuple[str, ...] = ()
    """Networks in CIDR form that requests may come from; empty allows any."""
    requests_per_s_max: Annotated[int, Meta(ge=1, le=100_000)] = 100
    rates_ppm: dict[PayType, RatePpm] = {}
    """The fee per pay type; a pay type without a rate is not enabled."""
    bindings: tuple[Binding, ...] = ()
    rule_bindings: tuple[RuleBinding, ...] = ()
    """At most one per pay type and tier; it goes before the bindings of that tier."""
    risk_limits: RiskLimits = RiskLimits()
    notify_url: WebUrl | None = None
    """Where webhooks go when the order names no address of its own."""
    webhook_secret: Sealed | None = None
    old_webhook_secrets: tuple[OldSecret, ...] = ()
    """The newest first."""
    late_payment: Literal["refund", "reopen"] = "refund"
    """What becomes of money that comes after its order was closed or had failed."""
    short_balance: Literal["refuse", "queue"] = "refuse"
    """What becomes of a refund that the merchant's balance does not cover."""

    def sealed_webhook_secrets(self, moment: datetime) -> tuple[str, ...]:
        """The sealed secrets that sign what is sent to the profile's or an order's address."""
        old = (each.webhook_secret for each in self.old_webhook_secrets if moment < each.expires_at)
        return (self.webhook_secret, *old) if self.webhook_secret else ()


class ChannelProfile(Struct, frozen=True, kw_only=True):
    """One contract with a payment provider 通道."""

    channel_no: ChannelNo
    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=PRINTABLE)]
    version: int = 1
    protocol: Protocols
    status: Literal["active", "inactive"] = "active"
    pay_types: tuple[PayType, ...]
    single_min_fen: AmountFen = 1
    single_max_fen: AmountFen = AMOUNT_FEN_MAX
    limits: ChannelLimits = ChannelLimits()
    """Daily, cumulative and time-of-day limits; routing keeps to them."""
    cost_rate_ppm: RatePpm = 0
    funds_flow: Literal["platform", "direct"] = "direct"
    """Where the channel settles to. `platform` 二清 needs a payment licence in mainland China."""
    calls_in_flight_max: Annotated[int, Meta(ge=1, le=10_000)] = 200
    barcode_wait_s: Annotated[int, Meta(ge=10, le=300)] = 45
    """How long a payer at the till may take to confirm, before a barcode payment is taken back."""
    account: Sealed
    """The protocol's own account document, with its private keys."""
