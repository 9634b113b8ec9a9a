"""The backing services as containers, where a container engine answers.

The same `compose.yaml` that runs the whole platform, under a project name of the profile's own;
ports and passwords come from the profile and reach it through an env file.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.binaries import find_program
from deploy.local.definitions import definitions
from deploy.local.folders import CHECKOUT, write_private
from deploy.local.handshakes import answers
from deploy.local.place import SERVICE_NAMES, Addresses, Place
from deploy.local.problems import Problem

PULL_LIMIT_S = 900


class ContainersFailed(Problem):
    """`docker compose` answered with an error."""


def engine_answers() -> bool:
    """An engine and its compose plugin answer; a client alone, which is common, does not count."""
    docker = find_program("docker")
    return docker is not None and all(
        _succeeds([str(docker), *words]) for words in (("info",), ("compose", "version"))
    )


@dataclass(frozen=True)
class Containers:
    """PostgreSQL, RabbitMQ and Valkey from compose.yaml."""

    place: Place

    def create(self) -> bool:
        """Whether the engine has the images, or can fetch them, and makes the containers."""
        print("Making containers ...", file=sys.stderr)
        try:
            self._claim_ports()
            self._compose("create", *SERVICE_NAMES)
        except ContainersFailed as failure:
            print(failure, file=sys.stderr)
            return False
        return True

    def start(self) -> None:
        if not all(self.answers(name) for name in SERVICE_NAMES):
            self._claim_ports()
            self._compose("up", "--detach", "--wait", *SERVICE_NAMES)

    def stop(self) -> None:
        self._compose("down")

    def remove(self) -> None:
        self._compose("down", "--volumes")

    def kill(self, name: str) -> None:
        self._compose("kill", "--signal", "SIGKILL", name)

    def restart(self, name: str) -> None:
        self._compose("restart", name)
        self._compose("up", "--detach", "--wait", name)

    def pid(self, name: str) -> int | None:
        container = self._container(name)
        if not container:
            return None
        pid = int(_run(["docker", "inspect", "--format", "{{.State.Pid}}", container]))
        return pid or None

    def answers(self, name: str) -> bool:
        return answers(name, self.place.addresses())

    def addresses(self) -> Addresses:
        return self.place.addresses()

    def _claim_ports(self) -> None:
        """Ports that stopped containers can publish; those of running ones are left alone."""
        write_environment_file(self.place)  # which `docker compose ps` needs as well
        for name in SERVICE_NAMES:
            if not self._container(name):
                self.place.ports.claim(name)
        write_environment_file(self.place)

    def _container(self, name: str) -> str:
        """The id of the service's container, empty when there is none."""
        return self._compose("ps", "--quiet", name)

    def _compose(self, *words: str) -> str:
        files = ["--file", str(CHECKOUT / "compose.yaml")]
        variables = ["--env-file", str(environment_file(self.place))]
        project = ["--project-name", f"tomato-{self.place.profile}"]
        return _run(["docker", "compose", *files, *variables, *project, *words])


def environment_file(place: Place) -> Path:
    return place.folder / "compose.env"


def write_environment_file(place: Place) -> Path:
    """Write what compose.yaml leaves open; passwords of the broker's users only as hashes."""
    users = place.folder / "definitions.json"
    users.write_text(definitions(place.credentials))
    write_private(environment_file(place), environment_text(place, users))
    return environment_file(place)


def environment_text(place: Place, users: Path) -> str:
    """Ports, passwords and keys of a profile as compose.yaml asks for them."""
    key, ports = place.credentials, place.ports
    variables = {
        "TOMATO_POSTGRES_PORT": ports.get("postgres"),
        "TOMATO_RABBITMQ_PORT": ports.get("rabbitmq"),
        "TOMATO_REDIS_PORT": ports.get("redis"),
        "TOMATO_HTTP_PORT": ports.get("http"),
        "TOMATO_SIMULATOR_PORT": ports.get("simulator"),
        "TOMATO_POSTGRES_PASSWORD": key.postgres_password,
        "TOMATO_RABBITMQ_PASSWORD": key.rabbitmq_password,
        "TOMATO_REDIS_PASSWORD": key.redis_password,
        "TOMATO_MASTER_KEY": key.master_key,
        "TOMATO_RABBITMQ_USERS": users,
    }
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=CHECKOUT, timeout=PULL_LIMIT_S
    )
    if done.returncode != 0:
        raise ContainersFailed(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


def _succeeds(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=15).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
