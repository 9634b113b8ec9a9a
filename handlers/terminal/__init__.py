"""The operator's door: commands that `runner.py` mounts. They read, or act through the bus."""

from handlers.terminal.contracts import contracts_cli
from handlers.terminal.dead import dead_cli
from handlers.terminal.lanes import lanes_cli
from handlers.terminal.notification import notification_cli
from handlers.terminal.payment import payment_cli
from handlers.terminal.refund import refund_cli
from handlers.terminal.routing import routing_cli
from handlers.terminal.top import top

__all__ = [
    "contracts_cli",
    "dead_cli",
    "lanes_cli",
    "notification_cli",
    "payment_cli",
    "refund_cli",
    "routing_cli",
    "top",
]
