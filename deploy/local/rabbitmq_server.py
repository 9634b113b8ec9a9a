"""A private RabbitMQ and the private epmd it registers with.

Everything that could meet a system broker is our own: port, node name, cookie, epmd, folders.
Users, passwords and permissions come from a definitions file read at every start; with one, the
broker makes no `guest` user (RabbitMQ docs, "Schema Definition Export and Import").
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar

from deploy.local.definitions import definitions
from deploy.local.folders import give_away, write_private
from deploy.local.handshakes import greet_rabbitmq
from deploy.local.server import Server

CONFIGURATION = """\
listeners.tcp.default = 127.0.0.1:{port}
load_definitions = {home}/definitions.json
log.console = true
log.console.level = info
log.file = false
# Several sets may run on one laptop: share its memory, and tolerate a nearly full disk.
vm_memory_high_watermark.relative = 0.2
disk_free_limit.absolute = 200MB
# The write-ahead log of quorum queues is held in memory too; the default of 512 MB is for servers.
raft.wal_max_size_bytes = 64000000
"""

# No busy waiting: with a few sets on a few cores, spinning schedulers take time from Tomato.
ERLANG_ARGUMENTS = (
    "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"
    " +sbwt none +sbwtdcpu none +sbwtdio none"
)


class Epmd(Server):
    """Erlang's name server on a port of its own; the system's one never hears of us."""

    name: ClassVar[str] = "epmd"
    ports_used: ClassVar[tuple[str, ...]] = ("epmd",)

    def prepare(self) -> None:
        """Nothing: it keeps no files."""

    def command(self) -> Sequence[str]:
        port = str(self.place.ports.get("epmd"))
        return [str(self.programs), "-port", port, "-address", "127.0.0.1"]

    async def greet(self) -> None:
        """Ask for its names: request 110, answered by its own port first (EPMD Protocol)."""
        port = self.place.ports.get("epmd")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(b"\x00\x01n")
            if int.from_bytes(await reader.readexactly(4)) != port:
                raise ConnectionError(f"what answers on port {port} is no epmd")
        finally:
            writer.close()


class RabbitMQ(Server):
    """The broker: administrator `tomato`, and `upstream` who may only publish to one exchange."""

    name: ClassVar[str] = "rabbitmq"
    ports_used: ClassVar[tuple[str, ...]] = ("rabbitmq", "rabbitmq_nodes")
    start_limit_s: ClassVar[float] = 120

    def prepare(self) -> None:
        port = self.place.ports.get("rabbitmq")
        files = {
            "rabbitmq.conf": CONFIGURATION.format(port=port, home=self.home),
            "definitions.json": definitions(self.place.credentials),
            "enabled_plugins": "[].",
            # An empty file hides /etc/rabbitmq/rabbitmq-env.conf, which belongs to the system's.
            "rabbitmq-env.conf": "",
            ".erlang.cookie": self.place.credentials.erlang_cookie,
        }
        for name, text in files.items():
            write_private(self.home / name, text)
            give_away(self.home / name)

    def command(self) -> Sequence[str]:
        return [str(self.programs / "rabbitmq-server")]

    def environment(self) -> Mapping[str, str]:
        home, ports = self.home, self.place.ports
        return {
            # Without the port in it: the name is part of the data's path and must not move.
            "RABBITMQ_NODENAME": f"tomato-{self.place.profile}@localhost",
            "RABBITMQ_DIST_PORT": str(ports.get("rabbitmq_nodes")),
            "ERL_EPMD_PORT": str(ports.get("epmd")),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "generated"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_ARGUMENTS,
        }

    async def greet(self) -> None:
        await greet_rabbitmq(self.place.addresses().rabbitmq_url)
