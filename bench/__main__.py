"""`python -m bench [SCENARIO] [--smoke]`: measure, compare, and say it in a table and a file."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Annotated

import typer

from bench import isolation, lanes, notify, payments
from bench.backing import PROFILE, alone, fresh_services
from bench.payments import Knobs
from bench.phases import Span
from bench.result import Result, text, write
from bench.stage import Cast
from deploy.local.folders import profile_folder
from deploy.local.problems import plain_words
from deploy.local.services import Services

SCENARIOS: dict[str, Callable[[Services, Knobs], Coroutine[None, None, Result]]] = {
    payments.NAME: payments.run,
    notify.NAME: notify.run,
    isolation.NAME: isolation.run,
    lanes.NAME: lanes.run,
}
SMOKES: dict[str, Callable[[Services], Coroutine[None, None, Result]]] = {
    payments.NAME: payments.smoke,
    notify.NAME: notify.smoke,
    isolation.NAME: isolation.smoke,
    lanes.NAME: lanes.smoke,
}

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

Smoke = Annotated[bool, typer.Option(help="A few payments, every comparison, no figures.")]
InFlight = Annotated[int, typer.Option(min=1, max=5_000, help="Payments on their way at once.")]
Seconds = Annotated[float, typer.Option(min=1, max=3_600, help="Length of each window.")]
Rates = Annotated[list[float] | None, typer.Option("--rate", help="Orders a second, open loop.")]
Merchants = Annotated[int, typer.Option(min=1, max=1_000)]
Generators = Annotated[int, typer.Option(min=1, max=32, help="Traffic processes.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="One of the platform's, such as linger_ms=30.")
]
Delay = Annotated[int, typer.Option(min=0, max=10_000, help="The channel's own time, in ms.")]


@cli.command()
def bench(
    scenario: Annotated[str, typer.Argument(help=f"all, {', '.join(SCENARIOS)}")] = "all",
    smoke: Smoke = False,
    in_flight: InFlight = 200,
    seconds: Seconds = 20.0,
    rate: Rates = None,
    merchants: Merchants = 20,
    generators: Generators = 1,
    answer_delay_ms: Delay = 0,
    setting: Settings = None,
) -> None:
    """Run real processes under load and print what a payment costs. Exit 1 if a fen is missing."""
    if scenario not in ("all", *SCENARIOS):
        raise typer.BadParameter(f"no scenario {scenario!r}: all, {', '.join(SCENARIOS)}")
    knobs = Knobs(
        cast=Cast(
            merchants=merchants,
            generators=generators,
            answer_delay_ms=answer_delay_ms,
            settings=_variables(setting or []),
        ),
        in_flight=in_flight,
        closed=Span(warm_up_s=5.0, measure_s=seconds),
        rates_per_s=rate or (10.0, 100.0),
        opened=Span(warm_up_s=2.0, measure_s=seconds),
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # while services start and stop
    names = list(SCENARIOS) if scenario == "all" else [scenario]
    with plain_words(), alone():
        sound = [_run(name, smoke, knobs) for name in names]
    raise typer.Exit(0 if all(sound) else 1)


def _variables(settings: list[str]) -> dict[str, str]:
    pairs = [setting.partition("=") for setting in settings]
    if any(not equals for _, equals, _ in pairs):
        raise typer.BadParameter("--set takes name=value")
    return {f"TOMATO_{name.upper()}": value for name, _, value in pairs}


def _run(name: str, smoke: bool, knobs: Knobs) -> bool:
    with fresh_services() as services:
        scenario = SMOKES[name](services) if smoke else SCENARIOS[name](services, knobs)
        try:
            result = asyncio.run(_orderly(scenario))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    print(text(result))
    if not smoke:
        path = profile_folder(PROFILE) / f"{name}.json"
        write(result, path)
        print(f"\nwritten to {path}")
    return result.is_sound


async def _orderly(scenario: Coroutine[None, None, Result]) -> Result:
    """SIGTERM ends a scenario as Ctrl-C does: cancelled, so that everything is stopped in order."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await scenario


if __name__ == "__main__":
    cli()
