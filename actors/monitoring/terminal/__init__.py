"""Terminal commands of monitoring, mounted by `runner.py` beside the registry's under `channel`.

The root command sets `context.obj` to a function that reads the settings; see `session.py`.
"""

from __future__ import annotations

import typer

from actors.monitoring.terminal.alarm_rules import alarm_rule_cli
from actors.monitoring.terminal.changing import changes, restore, take_down
from actors.monitoring.terminal.watching import alarms, history, monitor

COMMANDS = (monitor, alarms, history, take_down, restore, changes)


def watch_channels(channel_cli: typer.Typer) -> typer.Typer:
    """The commands about channels, with those of monitoring."""
    for command in COMMANDS:
        channel_cli.command()(command)
    channel_cli.add_typer(alarm_rule_cli, name="alarm-rule")
    return channel_cli


__all__ = ["alarm_rule_cli", "watch_channels"]
