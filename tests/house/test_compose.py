"""compose.yaml and the Kubernetes manifests start what there is, and nothing secret is in them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import runner
from deploy.local.containers import environment_text
from deploy.local.place import SERVICE_NAMES, Place
from tests.house.checkout import ROOT

IMAGES = {
    "postgres": "postgres:17",
    "rabbitmq": "rabbitmq:4-management",
    "redis": "valkey/valkey:8",
}
ROLES = {*runner.ROOMS, "edge"}
MANIFESTS = ROOT / "deploy" / "kubernetes"

SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY$|_AUTH$|_URL$")
FROM_OUTSIDE = re.compile(r"\$\{TOMATO_\w+:\?[^}]+\}")
"""A variable that must be set: compose refuses to start without it."""


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def services() -> dict[str, dict[str, Any]]:
    return compose()["services"]


def ours() -> dict[str, list[str]]:
    """The commands of the services that run this checkout."""
    return {name: service["command"] for name, service in services().items() if "build" in service}


def commands_of_runner() -> set[str]:
    named = {command.name for command in runner.cli.registered_commands}
    functions = {command.callback for command in runner.cli.registered_commands}
    return {name for name in named if name} | {f.__name__ for f in functions if f}


def manifests(kind: str) -> list[dict[str, Any]]:
    """The Kubernetes objects of one kind, as they are written."""
    files = [path for path in MANIFESTS.glob("*.yaml") if not path.name.startswith("every-")]
    found = [part for path in files for part in yaml.safe_load_all(path.read_text())]
    return [part for part in found if part["kind"] == kind]


def docker_compose() -> list[str]:
    command = ["docker", "compose"]
    if (
        not shutil.which("docker")
        or subprocess.run([*command, "version"], capture_output=True).returncode
    ):
        pytest.skip("the docker client has no compose plugin here")
    return command


def test_every_role_of_the_runner_has_a_container() -> None:
    started = [command[1] for command in ours().values() if command[0] == "run"]
    assert sorted(started) == sorted(ROLES)


def test_containers_give_commands_that_the_runner_knows() -> None:
    assert {command[0] for command in ours().values()} <= commands_of_runner()


def test_what_a_service_waits_for_is_there() -> None:
    waits = {
        (name, other)
        for name, service in services().items()
        for other in service.get("depends_on", ())
    }
    assert ("ordering", "migrate") in waits
    assert {other for _, other in waits} <= set(services())


def test_every_service_tells_its_health_unless_it_ends_by_itself() -> None:
    silent = {name for name, service in services().items() if "test" not in service["healthcheck"]}
    assert silent == {"migrate"}


def test_images_are_pinned_to_the_versions_we_know() -> None:
    foreign = {
        name: service["image"] for name, service in services().items() if "build" not in service
    }
    assert foreign == IMAGES
    assert set(SERVICE_NAMES) == set(IMAGES)


def test_volumes_are_declared() -> None:
    mounted = [mount.split(":")[0] for s in services().values() for mount in s.get("volumes", ())]
    named = {source for source in mounted if re.fullmatch(r"\w+", source)}
    assert named == set(compose()["volumes"])


def test_no_secret_is_written_down() -> None:
    settings = [
        (name, str(value))
        for service in services().values()
        for name, value in service.get("environment", {}).items()
        if SECRET_NAME.search(name) and name != "TOMATO_PUBLIC_URL"
    ]
    assert len(settings) > len(ROLES)
    assert [name for name, value in settings if not FROM_OUTSIDE.search(value)] == []


def test_only_this_machine_reaches_published_ports() -> None:
    published = [port for service in services().values() for port in service.get("ports", ())]
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_compose_has_all_it_asks_for(tmp_path: Path) -> None:
    asked = set(re.findall(r"\$\{(TOMATO_\w+):\?", (ROOT / "compose.yaml").read_text()))
    text = environment_text(Place.of("test"), tmp_path / "users.json")
    given = {line.partition("=")[0] for line in text.splitlines()}
    assert asked
    assert asked <= given


def test_docker_compose_accepts_the_file(tmp_path: Path) -> None:
    variables = tmp_path / "variables"
    variables.write_text(environment_text(Place.of("test"), tmp_path / "users.json"))
    command = [*docker_compose(), "--env-file", str(variables), "config", "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_role_has_a_deployment() -> None:
    deployed = {
        deployment["metadata"]["name"]: deployment["spec"]["template"]["spec"]["containers"][0]
        for deployment in manifests("Deployment")
    }
    assert set(deployed) == ROLES
    assert [name for name, container in deployed.items() if container["args"][1] != name] == []


def test_every_queue_of_a_room_scales_its_readers() -> None:
    watched = {
        (scaled["spec"]["scaleTargetRef"]["name"], trigger["metadata"]["queueName"])
        for scaled in manifests("ScaledObject")
        for trigger in scaled["spec"]["triggers"]
    }
    # Lanes have a queue each, so that no one queue tells how much they have to do.
    queues = {inlet.queue for inlet in runner.INLETS if not inlet.queue.endswith(".lanes")}
    read = {(queue.split(".")[0], queue) for queue in queues}
    assert watched == {(room, queue) for room, queue in read if room in runner.ROOMS}
    assert {room for room, _ in watched} == set(runner.ROOMS)


def test_kustomize_applies_every_manifest() -> None:
    listed = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())["resources"]
    written = {path.name for path in MANIFESTS.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed) == {name for name in written if not name.startswith("every-")}


def test_kustomize_accepts_the_manifests() -> None:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not here")
    command = ["kubectl", "kustomize", str(MANIFESTS)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rendered = [part for part in yaml.safe_load_all(done.stdout) if part["kind"] == "Deployment"]
    containers = [part["spec"]["template"]["spec"]["containers"] for part in rendered]
    assert all(len(each) == 1 and "readinessProbe" in each[0] for each in containers)
