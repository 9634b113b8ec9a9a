"""Tomato on a laptop: `python -m deploy.local up`, and down, status, logs, env, clean."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import typer

from deploy.local import demo, services
from deploy.local.applications import Running, running
from deploy.local.containers import write_environment_file
from deploy.local.folders import CHECKOUT, PROFILE_NAME, locked, profile_folder
from deploy.local.place import Place
from deploy.local.problems import plain_words
from deploy.local.processes import DidNotStart
from deploy.local.services import Profile, Services

cli = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@cli.command()
def up(profile: Profile = "dev") -> None:
    """Start the services and Tomato, and make one payment; what runs already is left alone."""
    with plain_words():
        print("Starting PostgreSQL, RabbitMQ and Redis ...", flush=True)
        backing = services.start(profile)
        with locked(backing.folder):
            _start_applications(backing)
        demo.run(backing)


@cli.command()
def down(profile: Profile = "dev") -> None:
    """Stop what `up` started."""
    with plain_words():
        _stop_applications(profile)
        services.stop(profile)


@cli.command()
def status(profile: Profile = "dev") -> None:
    """Say what runs and where."""
    with plain_words():
        for name, answers in services.status(profile).items():
            print(f"{name:<10} {'answers' if answers else 'down'}")
    for application in running(profile_folder(profile)):
        print(_status_line(application))


@cli.command()
def logs(profile: Profile = "dev") -> None:
    """Follow the logs of Tomato's own programs; those of the services lie beside them."""
    files = [str(app.process.log) for app in running(profile_folder(profile))]
    os.execvp("tail", ["tail", "-n", "20", "-F", *files])


@cli.command()
def env() -> None:
    """Write .env for `docker compose up`; one that somebody else wrote is left alone."""
    file = CHECKOUT / ".env"
    if file.exists() and not file.is_symlink():
        raise SystemExit(f"{file} is not ours; remove it to have it written anew")
    file.unlink(missing_ok=True)
    file.symlink_to(write_environment_file(Place.of("compose")))
    print(f"{file} written")


@cli.command()
def clean() -> None:
    """Stop every profile of this checkout and remove what it stored."""
    for folder in sorted((CHECKOUT / ".local").glob("*/")):
        if PROFILE_NAME.fullmatch(
            folder.name
        ):  # other folders hold what was stored, and nothing runs
            with plain_words():
                _stop_applications(folder.name)
                services.remove(folder.name)
        shutil.rmtree(folder.resolve())
        folder.unlink(missing_ok=True)


def _start_applications(backing: Services) -> None:
    applications = running(backing.folder)
    for application in applications:
        application.claim_port()
    environment = backing.environment()
    if any(application.process.pid is None for application in applications):
        _migrate(environment, backing.folder / "log" / "migrate.log")
    for application in applications:
        if not application.is_healthy():
            print(f"Starting {application.application.name} ...", flush=True)
            application.start(environment)
            application.wait_until_healthy()


def _migrate(environment: dict[str, str], log: Path) -> None:
    """Bring the database to this checkout's schema before anything of it runs."""
    print("Migrating the database ...", flush=True)
    with open(log, "w") as output:
        done = subprocess.run(
            [sys.executable, "runner.py", "migrate"],
            cwd=CHECKOUT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if done.returncode != 0:
        raise DidNotStart(f"runner.py migrate failed; {log} says:\n{log.read_text()[-3000:]}")


def _stop_applications(profile: str) -> None:
    folder = profile_folder(profile)
    with locked(folder):
        for application in reversed(running(folder)):
            application.stop()


def _status_line(application: Running) -> str:
    name, pid = application.application.name, application.process.pid
    if pid is None:
        return f"{name:<10} down"
    state = "ready  " if application.is_healthy() else "not ready"
    return f"{name:<10} {state}  {application.url}  pid {pid}  {application.process.log}"


if __name__ == "__main__":
    cli()
