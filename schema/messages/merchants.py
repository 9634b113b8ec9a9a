"""What the merchant registry says: a profile that others keep a copy of has changed."""

from __future__ import annotations

from schema.messages.contract import Message, fact


@fact("profile.changed", owner="merchants", broadcast=True)
class ProfileChanged(Message, frozen=True, kw_only=True):
    """Forget your copy of this merchant's or channel's profile."""

    kind: str
    number: str
    version: int
