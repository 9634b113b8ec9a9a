"""Backing services for a profile: `python -m deploy.local.services up --profile test`.

They come from the first of these that fits:

1. the services that TOMATO_POSTGRES_URL, TOMATO_RABBITMQ_URL and TOMATO_REDIS_URL name;
2. private servers from the programs on this machine, beside any system instance;
3. containers, where a container engine answers;
4. private servers from Debian packages installed now, if we are root on Debian or Ubuntu.

Several profiles may run at once. A second start finds everything running and changes nothing.
"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from deploy.local import packages
from deploy.local.binaries import Binaries, find_binaries
from deploy.local.containers import Containers, engine_answers
from deploy.local.credentials import credentials
from deploy.local.folders import locked
from deploy.local.keeper import Keeper
from deploy.local.named import NamedServices, named_services
from deploy.local.place import SERVICE_NAMES, Addresses, Place
from deploy.local.ports import Ports
from deploy.local.private import PrivateServers
from deploy.local.problems import Problem, plain_words

# A laptop's one Tomato gets ports that fingers remember, other profiles any free ones.
HTTP_PORTS = {"http": 7070, "simulator": 7071, "receiver": 7072}
HOW_TO_GET_THEM = """\
No way found to run {missing}. Do one of these and try again:
  - sudo apt-get install postgresql rabbitmq-server redis-server    (Debian, Ubuntu)
  - start a container engine, so that `docker info` and `docker compose version` answer
  - set TOMATO_POSTGRES_URL, TOMATO_RABBITMQ_URL and TOMATO_REDIS_URL to services that run"""


class NoServices(Problem):
    """There is no way to run the backing services on this machine."""


@dataclass(frozen=True)
class Services(Addresses):
    """A running set. `kill`, `restart` and `pid` take one of postgres, rabbitmq, redis."""

    private: bool
    """Ours alone: a fault test may kill it."""
    folder: Path
    keeper: Keeper = field(repr=False)

    def kill(self, name: str) -> None:
        """SIGKILL the service and its children; returns when they are gone.

        RabbitMQ loses quorum queues declared within the last second or so: their names are not on
        its disk yet (seen on 3.10.8 and 4.0.5; none lost after two seconds).
        """
        self.keeper.kill(_known(name))

    def restart(self, name: str) -> None:
        """The service runs anew on the same address; returns when it answers a handshake."""
        self.keeper.restart(_known(name))

    def pid(self, name: str) -> int | None:
        """The service's main process, None when it does not run here."""
        return self.keeper.pid(_known(name))

    def environment(self) -> dict[str, str]:
        """The TOMATO_* variables that child processes need to use this set."""
        ports = Ports(self.folder)
        values = {
            **asdict(self.keeper.addresses()),
            **{f"{name}_port": str(ports.get(name)) for name in HTTP_PORTS},
            "public_url": f"http://127.0.0.1:{ports.get('http')}",
            "simulator_file": str(self.folder / "simulator.json"),
            "receiver_secret": credentials(self.folder).webhook_secret,
            "master_key": _master_key(self.folder),
            # The demo merchant listens on this machine, where nobody else may have us call.
            "webhook_private_networks": "127.0.0.1/32",
        }
        return {f"TOMATO_{name.upper()}": value for name, value in values.items()}


def start(profile: str) -> Services:
    """The profile's services, every one of them running and having answered a handshake."""
    place = Place.of(profile)
    with locked(place.folder):
        keeper = named_services() or _own_keeper(place)
        _remember(place, keeper)  # first: what a failed start has begun can then be stopped
        keeper.start()
        for purpose, port in HTTP_PORTS.items():
            place.ports.get(purpose, preferred=port if profile == "dev" else None)
    return _services(place, keeper)


def stop(profile: str) -> None:
    """Stop exactly what was started for the profile; what it stored stays."""
    place = Place.of(profile)
    with locked(place.folder):
        keeper = _remembered_keeper(place)
        if keeper is not None:
            keeper.stop()


def remove(profile: str) -> None:
    """Stop the profile's services and remove all they stored."""
    place = Place.of(profile)
    with locked(place.folder):
        keeper = _remembered_keeper(place)
        if keeper is not None:
            keeper.remove()
            _kept_by(place).unlink()


def status(profile: str) -> dict[str, bool]:
    """Which services of the profile answer now."""
    place = Place.of(profile)
    keeper = named_services() or _remembered_keeper(place)
    return {name: keeper is not None and keeper.answers(name) for name in SERVICE_NAMES}


def _services(place: Place, keeper: Keeper) -> Services:
    return Services(
        **asdict(keeper.addresses()),
        private=not isinstance(keeper, NamedServices),
        folder=place.folder,
        keeper=keeper,
    )


def _own_keeper(place: Place) -> Keeper:
    """Rules 2 to 4. What containers stored is in their volumes, so they stay what they are."""
    found, remembered, containers = find_binaries(), _remembered_keeper(place), Containers(place)
    if isinstance(remembered, Containers):
        return remembered
    if isinstance(found, Binaries):
        return PrivateServers(place, found)
    if engine_answers() and containers.create():
        return containers
    if packages.can_install():
        print(f"Installing {', '.join(found)} (not starting them) ...", file=sys.stderr)
        packages.install(found)
        found = find_binaries()
    if isinstance(found, Binaries):
        return PrivateServers(place, found)
    raise NoServices(HOW_TO_GET_THEM.format(missing=", ".join(found)))


def _remember(place: Place, keeper: Keeper) -> None:
    if not isinstance(keeper, NamedServices):
        _kept_by(place).write_text("containers" if isinstance(keeper, Containers) else "processes")


def _remembered_keeper(place: Place) -> Keeper | None:
    """Who started the services last time; None when nobody did."""
    file = _kept_by(place)
    if not file.exists():
        return None
    if file.read_text() == "containers":
        return Containers(place)
    found = find_binaries()
    return PrivateServers(place, found if isinstance(found, Binaries) else None)


def _kept_by(place: Place) -> Path:
    return place.folder / "run" / "kept-by"


def _master_key(folder: Path) -> str:
    return os.environ.get("TOMATO_MASTER_KEY") or credentials(folder).master_key


def _known(name: str) -> str:
    if name not in SERVICE_NAMES:
        raise ValueError(f"service {name!r}: one of {', '.join(SERVICE_NAMES)}")
    return name


# The command line ------------------------------------------------------------------------------

Profile = Annotated[str, typer.Option(help="dev, test, bench or a name of your own")]
cli = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="The backing services.",
)


@cli.command()
def up(profile: Profile = "dev") -> None:
    """Start what does not run yet and print its TOMATO_* variables."""
    with plain_words():
        for name, value in start(profile).environment().items():
            print(f"{name}={value}")


@cli.command()
def down(profile: Profile = "dev") -> None:
    """Stop what was started for the profile."""
    with plain_words():
        stop(profile)


@cli.command("status")
def show_status(profile: Profile = "dev") -> None:
    """Say which services answer; exit 1 unless all do."""
    with plain_words():
        answering = status(profile)
    for name, answers in answering.items():
        print(f"{name:<10} {'answers' if answers else 'down'}")
    if not all(answering.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    cli()
