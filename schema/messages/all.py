"""Importing this module registers every contract."""

from schema.messages import (
    bus,
    channels,
    doors,
    merchants,
    notification,
    ordering,
    risk,
    routing,
)

OWNERS = (bus, channels, doors, merchants, notification, ordering, risk, routing)
