"""Channel accounts, ready to speak: the profile from the directory, the keys out of the vault."""

from __future__ import annotations

from collections.abc import Iterable

from actors.channels.talk.account import Account
from bus.directory import Directory
from bus.vault import Vault
from schema.channels.languages import language_in
from schema.profiles import ChannelProfile


class Accounts:
    """Opens each account once per version of its profile."""

    def __init__(self, directory: Directory, vault: Vault) -> None:
        self._directory = directory
        self._vault = vault
        self._opened: dict[str, Account] = {}

    async def find(self, channel_nos: Iterable[str]) -> dict[str, Account]:
        """The accounts of these channels; a channel that is not registered is left out."""
        profiles = await self._directory.channels.find(channel_nos)
        return {number: self._open(profile) for number, profile in profiles.items()}

    async def get(self, channel_no: str) -> Account | None:
        """One account, or None."""
        return (await self.find((channel_no,))).get(channel_no)

    def _open(self, profile: ChannelProfile) -> Account:
        known = self._opened.get(profile.channel_no)
        if known is not None and known.profile == profile:
            return known
        if known is not None and known.profile.account == profile.account:
            account = Account(profile=profile, language=known.language)
        else:
            account = opened(profile, self._vault)
        self._opened[profile.channel_no] = account
        return account


def opened(profile: ChannelProfile, vault: Vault) -> Account:
    """The profile with its language; the keys in it are parsed, which takes a millisecond."""
    document = vault.open(profile.account, f"channel:{profile.channel_no}")
    return Account(profile=profile, language=language_in(profile.protocol, document))
