"""The languages of accounts with the channels' newest keys, for keys that rotate.

Every process renews its own and believes only what its account's own secrets prove; nothing is
shared, so nobody can spoil it for others. It renews when an account is first used, twice a day, and
when a signature is not of any key that is known: that may be a key that is new. Anybody can send a
bad signature, so this is done once a minute at the most.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from actors.channels.talk.account import Account
from actors.channels.talk.accounts import Accounts
from actors.channels.talk.sender import Sender, new_stamp
from bus.duty import Duty
from bus.logs import log
from schema.channels import Language, Unknown

RENEWED_EVERY_S = 12 * 3600.0
"""WeChat Pay wants its certificates to be asked for more often than once a day."""

RENEWED_AGAIN_AFTER_S = 60.0


class Ring:
    """One account's language as it is known now."""

    def __init__(self, account: Account) -> None:
        self.sealed = account.profile.account
        self.channel_no = account.profile.channel_no
        self.language = account.language
        self.rotates = account.language.renew(new_stamp()) is not None
        self.tried_at = float("-inf")
        self.is_tried = False
        self.lock = asyncio.Lock()


class Keyring:
    """A part of each process that speaks with channels or hears them."""

    def __init__(
        self,
        accounts: Accounts | None,
        sender: Sender,
        *,
        again_after_s: float = RENEWED_AGAIN_AFTER_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts = accounts
        self.sender = sender
        self._again_after_s = again_after_s
        self._clock = clock
        self._rings: dict[str, Ring] = {}
        self._duty = Duty("channels.renew", self.renew_all, every_s=RENEWED_EVERY_S)

    async def start(self) -> None:
        await self.sender.start()
        await self._duty.start()

    async def stop(self) -> None:
        await self._duty.stop()
        await self.sender.stop()

    @property
    def accounts(self) -> Accounts:
        """All accounts of the directory; whoever has one account only needs none."""
        assert self._accounts is not None
        return self._accounts

    async def find(self, channel_no: str) -> Language | None:
        """The language of a channel's account, or None where there is no such channel."""
        account = await self.accounts.get(channel_no)
        return None if account is None else await self.newest(account)

    async def newest(self, account: Account) -> Language:
        """The account's language, which has asked for the channel's keys at least once."""
        ring = self._ring(account)
        if ring.rotates and not ring.is_tried:
            await self._renew(ring)
        return ring.language

    async def doubt(self, channel_no: str) -> Language | None:
        """As `newer`, of a channel's account."""
        account = await self.accounts.get(channel_no)
        return None if account is None else await self.newer(account)

    async def newer(self, account: Account) -> Language | None:
        """After a signature that no known key has made: the language with keys that are newer than
        those which were known, or None where there are none."""
        ring = self._ring(account)
        before = ring.language
        if ring.rotates:
            await self._renew(ring)
        return None if ring.language is before else ring.language

    async def renew_all(self) -> int:
        """Asks for the newest keys of all accounts that were used here."""
        rotating = [ring for ring in self._rings.values() if ring.rotates]
        for ring in rotating:
            await self._renew(ring)
        return len(rotating)

    def _ring(self, account: Account) -> Ring:
        ring = self._rings.get(account.profile.channel_no)
        if ring is None or ring.sealed != account.profile.account:
            ring = self._rings[account.profile.channel_no] = Ring(account)
        return ring

    async def _renew(self, ring: Ring) -> None:
        """Those who want it at the same time share one call."""
        async with ring.lock:
            if self._clock() - ring.tried_at < self._again_after_s:
                return
            ring.tried_at = self._clock()
            wish = ring.language.renew(new_stamp())
            heard = await self.sender.ask(ring.language.base_url, wish)
            ring.is_tried = True
            if heard.verdict is None or isinstance(heard.verdict, Unknown):
                log.warning("keys_not_renewed", channel_no=ring.channel_no)
            else:
                ring.language = heard.verdict
