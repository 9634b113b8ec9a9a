"""Services that TOMATO_* variables name: somebody else runs them, we only use them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NoReturn

from deploy.local.handshakes import answers
from deploy.local.place import SERVICE_NAMES, Addresses
from deploy.local.problems import Problem

VARIABLES = tuple(f"TOMATO_{name.upper()}_URL" for name in SERVICE_NAMES)


class WronglyNamed(Problem):
    """The TOMATO_* variables name some services and not the others, or one that is not there."""


class NotOurs(Problem):
    """The services are named by TOMATO_* variables: whoever runs them starts and stops them."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True)
class NamedServices:
    """A set that is used as it is."""

    named: Addresses

    def start(self) -> None:
        """It is checked, not started: a wrong address should be told here and by its name."""
        silent = [name for name in SERVICE_NAMES if not self.answers(name)]
        if silent:
            variables = ", ".join(f"TOMATO_{name.upper()}_URL" for name in silent)
            raise WronglyNamed(f"nothing answers at {variables}")

    def stop(self) -> None:
        """Nothing: what we did not start we do not stop."""

    def remove(self) -> None:
        """Nothing: what we did not start we do not remove."""

    def kill(self, name: str) -> NoReturn:
        raise NotOurs

    def restart(self, name: str) -> NoReturn:
        raise NotOurs

    def pid(self, name: str) -> None:
        """Not known: it may run on another machine."""

    def answers(self, name: str) -> bool:
        return answers(name, self.named)

    def addresses(self) -> Addresses:
        return self.named


def named_services() -> NamedServices | None:
    """The services the environment names; None if it names none, an error if it names some."""
    urls = {variable: os.environ.get(variable, "") for variable in VARIABLES}
    missing = [variable for variable, url in urls.items() if not url]
    if len(missing) == len(VARIABLES):
        return None
    if missing:
        raise WronglyNamed(f"name all backing services or none; missing: {', '.join(missing)}")
    postgres_url, rabbitmq_url, redis_url = urls.values()
    # Without one for outside systems they share ours; their restriction is then not tested.
    upstream_url = os.environ.get("TOMATO_UPSTREAM_URL") or rabbitmq_url
    return NamedServices(Addresses(postgres_url, rabbitmq_url, redis_url, upstream_url))
