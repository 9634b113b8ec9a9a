"""Dashboards and alerts name what there is: every metric and every label of theirs exists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram

import runner
from tests.house.checkout import ROOT

ALERTS = sorted((ROOT / "deploy" / "alerts").glob("*.yaml"))
BOARDS = sorted((ROOT / "deploy" / "dashboards").glob("*.json"))
SUFFIXES = {Counter: ("_total",), Gauge: ("",), Histogram: ("_bucket", "_sum", "_count")}
PROMETHEUS_OWN = {"le"}


def metrics() -> dict[str, set[str]]:
    """The names that are scraped, each with its labels."""
    assert runner.ROOMS, "importing it makes every room's metrics"
    known = set(prometheus_client.REGISTRY._names_to_collectors.values())
    return {
        metric._name + suffix: set(metric._labelnames)
        for metric in known
        if isinstance(metric, Counter | Gauge | Histogram)
        for suffix in SUFFIXES[type(metric)]
    }


def expressions(part: Any) -> Iterator[str]:
    """Every PromQL expression of a board."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name in ("expr", "definition"):
                yield value
            else:
                yield from expressions(value)
    elif isinstance(part, list):
        for value in part:
            yield from expressions(value)


def labels(expression: str) -> set[str]:
    """The labels that an expression selects, groups or asks by."""
    selected = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)
    asked = re.findall(r"label_values\(\w+, (\w+)\)", expression)
    return {*selected, *asked, *(each.strip() for group in grouped for each in group.split(","))}


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.name)
def test_a_dashboard_names_only_metrics_and_labels_that_exist(board: Path) -> None:
    known, found = metrics(), list(expressions(json.loads(board.read_text())))
    assert len(found) > 5
    for expression in found:
        named = set(re.findall(r"\btomato_\w+", expression))
        assert named and named <= known.keys(), expression
        theirs = set[str]().union(*(known[name] for name in named))
        assert labels(expression) <= theirs | PROMETHEUS_OWN, expression


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.name)
def test_panels_of_a_dashboard_are_whole_and_do_not_overlap(board: Path) -> None:
    document = json.loads(board.read_text())
    panels = document["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["targets"] for panel in panels)
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24, "Grafana's boards are 24 wide"


def test_the_board_of_channels_shows_what_operators_ask_for() -> None:
    document = json.loads((ROOT / "deploy" / "dashboards" / "channels.json").read_text())
    titles = " ".join(panel["title"] for panel in document["panels"])
    for word in ("Failure rate", "Latency", "Volume", "Take-downs", "alarms"):
        assert word in titles


@pytest.mark.parametrize("path", ALERTS, ids=lambda path: path.name)
def test_alerts_name_only_metrics_and_labels_that_exist(path: Path) -> None:
    known = metrics()
    for group in yaml.safe_load(path.read_text())["groups"]:
        for rule in group["rules"]:
            (name,) = re.findall(r"\btomato_\w+", rule["expr"])
            told = " ".join((*rule["labels"].values(), *rule["annotations"].values()))
            used = labels(rule["expr"]) | set(re.findall(r"\$labels\.(\w+)", told))
            assert used <= known[name], rule["alert"]
            assert {"summary", "description"} == rule["annotations"].keys()


def test_somebody_is_told_of_every_alarm_every_take_down_and_of_a_watch_that_sleeps() -> None:
    expressions_there = (ROOT / "deploy" / "alerts" / "channels.yaml").read_text()
    for name in ("open_alarms", "open_share", "watched_timestamp_seconds"):
        assert name in expressions_there


def test_somebody_is_told_of_money_that_waits_for_a_person() -> None:
    expressions_there = (ROOT / "deploy" / "alerts" / "money.yaml").read_text()
    for name in ("ordering_unclear", "dead_letters_total", "channel_riddles_total"):
        assert name in expressions_there
