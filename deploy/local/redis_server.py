"""A private Redis: a cache that may be flushed at any moment, so it stores nothing on disk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from deploy.local.folders import give_away, write_private
from deploy.local.handshakes import greet_redis
from deploy.local.server import Server

CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {home}
save ""
appendonly no
daemonize no
"""


class Redis(Server):
    """The cache, on 127.0.0.1 only, behind a password."""

    name: ClassVar[str] = "redis"
    ports_used: ClassVar[tuple[str, ...]] = ("redis",)

    def prepare(self) -> None:
        # In a file, for everyone on the machine can read a command line.
        file = self.home / "redis.conf"
        port, password = self.place.ports.get("redis"), self.place.credentials.redis_password
        write_private(file, CONFIGURATION.format(port=port, password=password, home=self.home))
        give_away(file)

    def command(self) -> Sequence[str]:
        return [str(self.programs), str(self.home / "redis.conf")]

    async def greet(self) -> None:
        await greet_redis(self.place.addresses().redis_url)
