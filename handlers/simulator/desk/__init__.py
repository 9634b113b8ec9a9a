"""What the real platforms do not have: a page on which a person pays, and controls for scripts."""

from handlers.simulator.desk.controls import CONTROL_ROUTES
from handlers.simulator.desk.payer import PAYER_ROUTES

DESK_ROUTES = [*PAYER_ROUTES, *CONTROL_ROUTES]

__all__ = ["DESK_ROUTES"]
