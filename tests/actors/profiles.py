"""Profiles in the directory that all rooms read, put there without the registry."""

from __future__ import annotations

import os

import msgspec

from bus.database import Pool
from schema.profiles import ChannelProfile, MerchantProfile


def new_merchant_no() -> str:
    """A number that no other test has."""
    return f"10{int.from_bytes(os.urandom(6), 'big'):015d}"


def new_channel_no() -> str:
    """A number that no other test has."""
    return f"wechat_{os.urandom(6).hex()}"


async def register(pool: Pool, *profiles: MerchantProfile | ChannelProfile) -> None:
    """Has every room find these profiles."""
    for profile in profiles:
        is_merchant = isinstance(profile, MerchantProfile)
        await pool.execute(
            "INSERT INTO directory.profile (kind, number, version, document)"
            " VALUES ($1, $2, 1, $3)",
            "merchant" if is_merchant else "channel",
            profile.merchant_no if is_merchant else profile.channel_no,
            msgspec.json.encode(profile).decode(),
        )
