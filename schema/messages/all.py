"""Importing this module registers every contract."""

from schema.messages import (
    accounting,
    bus,
    channels,
    doors,
    merchants,
    monitoring,
    notification,
    ordering,
    risk,
    routing,
)

OWNERS = (
    accounting, bus, channels, doors, merchants, monitoring, notification, ordering, risk, routing,
)  # fmt: skip
