"""The main switch: reads the environment, wires rooms and doors together, and runs them.

python runner.py all                          everything in one process
python runner.py run ordering --workers 4     one room, four processes
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from actors.accounting.actor import ACCOUNTING as LEDGER
from actors.accounting.actor import INLETS as ACCOUNTING
from actors.accounting.actor import accounting
from actors.accounting.duties import duties
from actors.accounting.ledger import BOOKINGS_PER_BATCH_MAX
from actors.accounting.shards import shard_of
from actors.accounting.terminal import ledger_cli
from actors.channels.actor import INLETS as CHANNELS
from actors.channels.actor import ask_again, ask_refunds_again, calls, notices, refunds
from actors.channels.lanes.callers import in_lanes
from actors.channels.lanes.rooms import LanePaces, Rooms
from actors.channels.talk.accounts import Accounts
from actors.channels.talk.keyring import Keyring
from actors.channels.talk.sender import Sender
from actors.channels.terminal import add_calls
from actors.merchants.terminal import channel_cli, merchant_cli, rate_cli, risk_cli, rules_cli
from actors.monitoring.actor import INLETS as MONITORING
from actors.monitoring.actor import monitoring
from actors.monitoring.terminal import watch_channels
from actors.notification.actor import INLETS as NOTIFICATION
from actors.notification.actor import at_once, delivery, notification, wishes
from actors.notification.pacing import Pacing
from actors.notification.posts import Posts
from actors.notification.relay import Relay
from actors.notification.sender import WebhookSender
from actors.notification.sweeper import Sweeper
from actors.ordering.actor import INLETS as ORDERING
from actors.ordering.actor import ordering, see_to_ends
from actors.ordering.duties.figures import Figures
from actors.risk.actor import INLETS as RISK
from actors.risk.actor import risk
from actors.routing.actor import INLETS as ROUTING
from actors.routing.actor import fold_taken, learning, routing
from actors.routing.record import again
from actors.routing.terminal import comparison, health
from bus import logs, migrations, tracing
from bus.caller import Caller, CallerRun
from bus.decider import Decider, DeciderRun
from bus.duty import Duty
from bus.heartbeat import Heartbeat
from bus.lanes import INLETS as LANES
from bus.lanes import Lanes, Pace, SuccessRate, desk
from bus.lease import Lease
from bus.process import Door, Part, Shared, serve
from bus.shards import Balance, Dispatcher, Shards
from bus.supervisor import supervise
from bus.topology import Inlet
from handlers.cashier.links import links_of
from handlers.cashier.terminal import cashier_cli
from handlers.terminal import (
    contracts_cli,
    dead_cli,
    lanes_cli,
    notification_cli,
    payment_cli,
    refund_cli,
    routing_cli,
    top,
)
from schema.settings import MissingSetting, Settings, SimulatorSettings

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Tomato: payments through WeChat Pay, Alipay, UnionPay and banks.",
)


# The rooms and what each needs.


def decide_with(
    shared: Shared, decider: Decider[Any], *, linger: int = 1, linger_ms: int = 1_000,
    batch_max: int | None = None, lease: Lease | None = None,
) -> DeciderRun:  # fmt: skip
    """`linger` multiplies the wait for company, for rooms that nobody stands waiting for;
    `linger_ms` is the most that it may be."""
    settings = shared.settings
    return DeciderRun(
        decider, pool=shared.pool, broker=shared.broker,
        linger_ms=min(linger * settings.linger_ms, linger_ms),
        batch_max=batch_max or settings.batch_max, prefetch=settings.prefetch, lease=lease,
    )  # fmt: skip


def call_with(
    shared: Shared, caller: Caller[Any, Any], *, lanes: bool = False, linger_ms: int = 1_000,
    prefetch: int | None = None,
) -> CallerRun:  # fmt: skip
    """`linger_ms` is the most that this caller's messages wait for company."""
    settings = shared.settings
    return CallerRun(
        caller,
        pool=shared.pool,
        broker=shared.broker,
        linger_ms=min(linger_ms, settings.linger_ms),
        batch_max=settings.batch_max,
        prefetch=prefetch or settings.prefetch,
        lanes=lanes,
    )


def lanes_with(
    shared: Shared, actor: str, run: CallerRun, success_rate: SuccessRate | None = None
) -> Lanes:
    """An actor's lanes; a room that has some also runs the desk where operators hold them."""
    settings = shared.settings
    return Lanes(
        actor, run,
        broker=shared.broker, broadcasts=shared.broadcasts, pool=shared.pool, redis=shared.redis,
        queue_type=settings.lane_queue_type, pace=Pace(idle_close_s=settings.lane_idle_close_s),
        success_rate=success_rate,
    )  # fmt: skip


def ordering_room(shared: Shared) -> Sequence[Part]:
    return (
        decide_with(shared, ordering(shared.directory, links_of(shared.settings, shared.vault))),
        see_to_ends(shared.pool, shared.broker),
        Duty("ordering.figures", Figures(shared.pool).refresh, every_s=60.0),
    )


def risk_room(shared: Shared) -> Sequence[Part]:
    return (decide_with(shared, risk(shared.directory)),)


def routing_room(shared: Shared) -> Sequence[Part]:
    return (
        decide_with(shared, routing(shared.directory, shared.redis)),
        # What is learnt is looked at four times a second: it may come in fewer, larger batches.
        decide_with(shared, learning(shared.directory, shared.redis), linger=8),
        fold_taken(shared.pool),
    )


def keyring_of(shared: Shared) -> Keyring:
    """The languages of channel accounts, for whoever asks channels or hears them."""
    return Keyring(Accounts(shared.directory, shared.vault), Sender())


def channels_room(shared: Shared) -> Sequence[Part]:
    keyring, paces = keyring_of(shared), LanePaces()
    # Each call keeps its delivery in hand, and several channels may fall silent at once.
    in_hand = 8 * shared.settings.prefetch
    waiting = call_with(shared, in_lanes(keyring, paces), lanes=True, linger_ms=5)
    paces.lanes = lanes = lanes_with(shared, "channels", waiting)
    return (
        keyring,
        decide_with(shared, notices(keyring.accounts)),
        call_with(shared, calls(keyring, Rooms(in_hand)), prefetch=in_hand),
        call_with(shared, refunds(keyring, Rooms(in_hand)), prefetch=in_hand),
        waiting, lanes, decide_with(shared, desk()),
        ask_again(shared.pool, shared.broker),
        ask_refunds_again(shared.pool, shared.broker),
    )  # fmt: skip


def accounting_room(shared: Shared) -> Sequence[Part]:
    shards = Shards(LEDGER, shared.settings.ledger_shards, shard_of)
    leases = shards.leases(shared.pool)
    writers = [ledger_writer(shared, shards, n, lease) for n, lease in enumerate(leases)]
    dispatcher = Dispatcher(
        shards, pool=shared.pool, broker=shared.broker, prefetch=shared.settings.prefetch
    )
    clockwork = duties(
        shared.pool, shared.broker,
        postgres_url=shared.settings.postgres_url, anchor_url=shared.settings.ledger_anchor_url,
    )  # fmt: skip
    return (*leases, Balance(leases, pool=shared.pool), *writers, dispatcher, *clockwork)


def ledger_writer(shared: Shared, shards: Shards, shard: int, lease: Lease) -> DeciderRun:
    decider = accounting(shard, inlet=shards.inlet_of(shard), epoch=lambda: lease.epoch)
    # Each account is locked and written once a batch: twice the batch books a sixth more a second.
    batch_max = min(2 * shared.settings.batch_max, BOOKINGS_PER_BATCH_MAX)
    return decide_with(shared, decider, linger=3, batch_max=batch_max, lease=lease)


def notification_room(shared: Shared) -> Sequence[Part]:
    sender, pacing = WebhookSender(shared.settings.reach()), Pacing()
    posts = Posts(shared.pool, shared.directory, shared.vault, sender, pacing)
    # All lanes share these: a burst for one must not have the others wait for company, nor for a
    # batch of hundreds.
    in_lanes = call_with(shared, delivery(posts), lanes=True, linger_ms=5)
    pacing.lanes = lanes = lanes_with(shared, "notification", in_lanes, pacing.success_rate)
    return (
        sender, pacing,
        decide_with(shared, notification(shared.directory), linger_ms=5, batch_max=64),
        decide_with(shared, wishes(shared.directory)),
        call_with(shared, at_once(posts)),
        in_lanes, lanes, decide_with(shared, desk()),
        Sweeper(shared.pool, shared.broker), Relay(shared.pool, shared.broker, lanes.is_ours),
    )  # fmt: skip


def monitoring_room(shared: Shared) -> Sequence[Part]:
    settings = shared.settings
    # Nobody waits for a count: larger batches divide its cost. They are filled by what is in hand.
    return monitoring(
        shared.pool, shared.redis, shared.broker,
        linger_ms=4 * settings.linger_ms, batch_max=4 * settings.batch_max,
        prefetch=8 * settings.prefetch,
    )  # fmt: skip


ROOMS: dict[str, Callable[[Shared], Sequence[Part]]] = {
    "ordering": ordering_room,
    "risk": risk_room,
    "routing": routing_room,
    "channels": channels_room,
    "accounting": accounting_room,
    "notification": notification_room,
    "monitoring": monitoring_room,
}

VERSION = "0.1.0"

INLETS: tuple[Inlet, ...] = (
    *ORDERING, *RISK, *ROUTING, *CHANNELS, *ACCOUNTING, *NOTIFICATION,
    *MONITORING, *LANES,
)  # fmt: skip


# The commands.


def settings() -> Settings:
    """The installation's settings. A required variable that is missing ends the program."""
    try:
        return Settings.read(os.environ)
    except (MissingSetting, ValueError) as error:
        raise SystemExit(str(error)) from None


@cli.callback()
def root(context: typer.Context) -> None:
    context.obj = settings


Prefetch = Annotated[int | None, typer.Option(min=1, max=10_000, help="Deliveries in hand.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="For /healthz and /metrics; 0: any.")]


@cli.command()
def run(
    actors: Annotated[list[str], typer.Argument(help=f"Any of: {', '.join(ROOMS)}, edge.")],
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes, each with all.")] = 1,
    prefetch: Prefetch = None,
    operations_port: Port = 0,
    share_port: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run these actors in one process, or in several that share the work."""
    unknown = [name for name in actors if name not in (*ROOMS, "edge")]
    if unknown:
        raise typer.BadParameter(f"no such actor: {', '.join(unknown)}")
    if workers > 1:
        extra = [f"--prefetch={prefetch}"] if prefetch else []
        command = [__file__, "run", *actors, "--share-port", *extra]
        raise typer.Exit(supervise(command, workers))
    _serve(tuple(actors), prefetch, operations_port, share_port=share_port)


@cli.command(name="all")
def run_all(prefetch: Prefetch = None) -> None:
    """Run the edge and every actor in one process: a laptop's platform."""
    _serve((*ROOMS, "edge"), prefetch, 0, name="tomato-all")


@cli.command()
def edge() -> None:
    """Run the HTTP doors: merchant API, channel callbacks, upstream exchange."""
    _serve(("edge",), None, 0)


@cli.command()
def simulator(
    port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="Instead of TOMATO_SIMULATOR_PORT.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Accounts, manners and faults (TOMATO_SIMULATOR_FILE).")
    ] = None,
    auto_pay_ms: Annotated[
        int | None, typer.Option(min=0, help="Pay every order by itself after this time.")
    ] = None,
) -> None:
    """Run the channel simulator: payment platforms as they answer, sign and call back."""
    from handlers.simulator.serve import serve_simulator

    read = SimulatorSettings.read(os.environ)
    serve_simulator(config or Path(read.file), read.host, port or read.port, auto_pay_ms)


@cli.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    asyncio.run(migrations.migrate(settings().postgres_url))


def _serve(
    actors: tuple[str, ...],
    prefetch: int | None,
    operations_port: int,
    *,
    name: str = "",
    share_port: bool = False,
) -> None:
    read = settings()
    if prefetch is not None:
        read = read.with_prefetch(prefetch)
    name = name or f"tomato-{'+'.join(actors)}"
    logs.configure(name=name, level=read.log_level)
    if read.otlp_endpoint:
        tracing.configure(read.otlp_endpoint, service=name)
    uvloop.run(
        _run(read, actors, name, lambda shared: _door(shared, actors, operations_port, share_port))
    )


async def _run(
    read: Settings, actors: tuple[str, ...], name: str, make_door: Callable[[Shared], Door]
) -> None:
    shared = await Shared.open(read, name=name)
    rooms = [part for actor in actors if actor != "edge" for part in ROOMS[actor](shared)]
    door = make_door(shared)
    # What is loaded by now stays; looking through it again and again costs some 5 % of the CPU.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    beat = Heartbeat(shared.redis, actors=actors, operations_url=lambda: door.url)
    await serve(shared, rooms, (door, beat))


def _door(shared: Shared, actors: tuple[str, ...], port: int, share_port: bool) -> Door:
    if "edge" in actors:
        from handlers.edge import Edge

        return Edge(shared, keyring_of(shared), share_port=share_port)
    from handlers.operations import Operations

    return Operations(shared, port=port)


cli.command()(top)
add_calls(channel_cli)
for name, sub_cli in {
    "payment": payment_cli(again),
    "refund": refund_cli,
    "dead": dead_cli,
    "notification": notification_cli,
    "lanes": lanes_cli,
    "contracts": contracts_cli(INLETS, VERSION),
    "merchant": merchant_cli,
    "channel": watch_channels(channel_cli),
    "rate": rate_cli,
    "risk": risk_cli,
    "routing": routing_cli(rules_cli, comparison, health),
    "ledger": ledger_cli,
    "cashier": cashier_cli,
}.items():
    cli.add_typer(sub_cli, name=name)


if __name__ == "__main__":
    cli()
