"""An account with a channel, ready to speak."""

from __future__ import annotations

from msgspec import Struct

from schema.channels import Language
from schema.profiles import ChannelProfile


class Account(Struct, frozen=True, kw_only=True):
    """A channel's profile with its language, ready to speak."""

    profile: ChannelProfile
    language: Language
