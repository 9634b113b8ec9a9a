"""Terminal commands of the registry, mounted by `runner.py`.

The root command sets `context.obj` to a function that reads the settings; see `session.py`.
"""

from actors.merchants.terminal.channels import channel_cli
from actors.merchants.terminal.merchants import merchant_cli
from actors.merchants.terminal.rates import rate_cli
from actors.merchants.terminal.risk import risk_cli
from actors.merchants.terminal.routing import rules_cli

__all__ = ["channel_cli", "merchant_cli", "rate_cli", "risk_cli", "rules_cli"]
