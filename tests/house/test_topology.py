"""The map of messages: who says each, who hears it, and that no wish runs in a circle."""

from __future__ import annotations

import ast
import importlib
from functools import cache
from graphlib import CycleError, TopologicalSorter

import bus.lanes
import schema.messages.all
from bus.topology import UPSTREAM_QUEUE, Inlet
from schema.messages.contract import CONTRACTS, Contract, Message, contract_of
from tests.house.checkout import ROOT, python_files, tree

ROOMS = ("ordering", "risk", "routing", "channels", "accounting", "notification", "monitoring")

HOMES = {"doors": "handlers", "bus": "bus"}
"""Where an owner lives that is not a room."""


@cache
def inlets() -> dict[str, tuple[Inlet, ...]]:
    """The inlets of every room, and the one of the lanes, which belong to the pipes."""
    rooms = {room: importlib.import_module(f"actors.{room}.actor").INLETS for room in ROOMS}
    return rooms | {"lanes": bus.lanes.INLETS}


def hearers(message: type[Message]) -> list[str]:
    """The queues that hear a message."""
    return [each.queue for room in inlets().values() for each in room if message in each.hears]


def home_of(contract: Contract) -> str:
    return HOMES.get(contract.owner, f"actors/{contract.owner}")


@cache
def sayers() -> dict[str, set[str]]:
    """For each message class, the homes whose code makes one."""
    classes = {contract.type.__name__ for contract in CONTRACTS.values()}
    said: dict[str, set[str]] = {name: set() for name in classes}
    for home in {home_of(contract) for contract in CONTRACTS.values()}:
        for path in python_files(home):
            for name in names_called(tree(path)) & classes:
                said[name].add(home)
    return said


def names_called(module: ast.Module) -> set[str]:
    called = (node.func for node in ast.walk(module) if isinstance(node, ast.Call))
    return {func.id if isinstance(func, ast.Name) else "" for func in called}


def test_every_owner_is_known() -> None:
    assert len(CONTRACTS) >= 1
    folders = {home_of(contract) for contract in CONTRACTS.values()}
    assert [home for home in folders if not (ROOT / home).is_dir()] == []
    modules = {path.stem for path in (ROOT / "schema" / "messages").glob("*.py")}
    owners = {module.__name__.rsplit(".", 1)[1] for module in schema.messages.all.OWNERS}
    assert modules - {"__init__", "all", "contract"} == owners


def test_a_message_stands_in_the_file_of_its_owner() -> None:
    strays = [
        contract.name
        for contract in CONTRACTS.values()
        if contract.type.__module__ != f"schema.messages.{contract.owner}"
    ]
    assert strays == []


def test_a_message_is_said_by_its_owner_and_by_nobody_else() -> None:
    said = sayers()
    owners = {contract.type.__name__: {home_of(contract)} for contract in CONTRACTS.values()}
    assert said == owners


def test_each_command_is_fulfilled_by_one_queue() -> None:
    commands = [contract for contract in CONTRACTS.values() if contract.kind == "command"]
    assert {c.name: hearers(c.type) for c in commands} == {c.name: [c.to] for c in commands}


def test_queues_hear_facts_and_commands_and_each_only_once() -> None:
    for room in inlets().values():
        for inlet in room:
            contracts = [contract_of(message) for message in inlet.hears]
            assert len(set(inlet.hears)) == len(inlet.hears) >= 1, inlet.queue
            # A broadcast goes to every process over its own exchange, an answer to who asked.
            assert not [c.name for c in contracts if c.broadcast or c.kind == "answer"], inlet.queue


def test_every_queue_has_one_actor_whose_name_it_bears() -> None:
    queues = [inlet.queue for room in inlets().values() for inlet in room]
    assert len(set(queues)) == len(queues)
    assert UPSTREAM_QUEUE not in queues
    assert [
        inlet.queue
        for room, theirs in inlets().items()
        for inlet in theirs
        if inlet.queue != room and not inlet.queue.startswith(f"{room}.")
    ] == []


def test_no_commands_run_in_a_circle_between_rooms() -> None:
    asks: dict[str, set[str]] = {}
    for contract in CONTRACTS.values():
        if contract.to is not None and (room := contract.to.partition(".")[0]) != contract.owner:
            asks.setdefault(contract.owner, set()).add(room)
    try:
        TopologicalSorter(asks).prepare()
    except CycleError as error:
        raise AssertionError(f"rooms wait for each other: {error.args[1]}") from None


def test_the_main_switch_runs_every_room() -> None:
    runner = importlib.import_module("runner")
    assert {queue.queue for queue in runner.INLETS} == {
        inlet.queue for room in inlets().values() for inlet in room
    }
