"""`python -m bench SCENARIO [--smoke]`: measure, compare, and say it in a table and a file."""

from __future__ import annotations

import asyncio
import inspect
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, Protocol

import typer

from bench import channel_isolation, isolation, lanes, notify, payments, recovery, refunds
from bench.backing import PROFILE, alone, fresh_services
from bench.ledger import scenario as ledger
from bench.result import Result, text, write
from bench.routing import scenario as routing
from deploy.local.folders import profile_folder
from deploy.local.problems import plain_words
from deploy.local.services import Services


class Scenario(Protocol):
    """A module that measures one thing."""

    NAME: str
    knobs: Callable[..., Any]
    """From the command line: its parameters are the command's options, its sentence the help."""

    async def smoke(self, services: Services) -> Result:
        """A few of everything, every comparison, no figures."""
        ...

    async def run(self, services: Services, knobs: Any) -> Result:
        """The whole measurement."""
        ...


SCENARIOS: Sequence[Scenario] = (
    payments, refunds, ledger, notify, isolation, channel_isolation, lanes, routing, recovery,
)  # fmt: skip

cli = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Run real processes under load and print what they cost. Exit 1 if a fen is missing.",
)

Smoke = Annotated[bool, typer.Option(help="A few of everything, every comparison, no figures.")]


@cli.command(name="all")
def everything(smoke: Smoke = False) -> None:
    """Every scenario, with its usual knobs."""
    _measure([(scenario, None if smoke else scenario.knobs()) for scenario in SCENARIOS])


def _command_of(scenario: Scenario) -> Callable[..., None]:
    """The command of one scenario: its own knobs, and `--smoke`."""

    def command(smoke: bool = False, **options: Any) -> None:
        _measure([(scenario, None if smoke else scenario.knobs(**options))])

    own = inspect.signature(scenario.knobs, eval_str=True).parameters.values()
    short = inspect.Parameter(
        "smoke", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Smoke
    )
    command.__signature__ = inspect.Signature([*own, short])  # type: ignore[attr-defined]
    command.__doc__ = scenario.knobs.__doc__
    return command


def _measure(wanted: Sequence[tuple[Scenario, Any]]) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # while services start and stop
    with plain_words(), alone():
        sound = [_run(scenario, knobs) for scenario, knobs in wanted]
    raise typer.Exit(0 if all(sound) else 1)


def _run(scenario: Scenario, knobs: Any | None) -> bool:
    """Without knobs it is a smoke run, which leaves no file."""
    with fresh_services() as services:
        work = scenario.smoke(services) if knobs is None else scenario.run(services, knobs)
        try:
            result = asyncio.run(_orderly(work))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    print(text(result))
    if knobs is not None:
        path = profile_folder(PROFILE) / f"{scenario.NAME}.json"
        write(result, path)
        print(f"\nwritten to {path}")
    return result.is_sound


async def _orderly(scenario: Coroutine[None, None, Result]) -> Result:
    """SIGTERM ends a scenario as Ctrl-C does: cancelled, so that everything is stopped in order."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await scenario


for _scenario in SCENARIOS:
    cli.command(name=_scenario.NAME)(_command_of(_scenario))


if __name__ == "__main__":
    cli()
