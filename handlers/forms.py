"""Whether something from outside has the form that our words ask for."""

from __future__ import annotations

from typing import Any

import msgspec


def has_form(value: Any, kind: Any) -> bool:
    """Whether the value could be a `kind` (PaymentId, ChannelNo …) at all."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True
