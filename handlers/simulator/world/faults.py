"""Faults on order: what goes wrong for one merchant, at which API, for which orders, how often.

    kind                   at               value (default)      what happens
    lost_request           calls            –                    not done, the answer is cut off
    lost_answer            calls, notify    –                    done, but the answer is cut off
    slow                   calls, notify    milliseconds (1000)  done, but late
    hang                   calls            milliseconds (30000) not done; held so long, then 504
    http_500               calls            –                    not done, the platform is broken
    refuse                 calls            code (a usual one)   not done, that error
    rate_limit             calls            –                    not done, too many calls
    brown_out              calls            percent (30)         so many are lost, or get a 5xx
    notify_before_answer   create           –                    paid, and told, before the answer
    late_success           close, reverse   milliseconds (1000)  done, and yet paid after that
    needs_password         pay              –                    a scanned payer must type one
    not_enough_money       pay              –                    the payer's money is too little
    payer_refuses          pay              –                    the payer says no
    silent_outage          pay              –                    orders are made, nobody can pay
    ends_abnormal          refund           –                    the payer can't be reached
    ends_closed            refund           –                    taken, yet nothing goes back
    ends_failed            transfer, share  code (a usual one)   taken, yet it fails
    returned               transfer         milliseconds (1000)  arrives, is sent back after that
    duplicate_notify       notify           extra copies (1)     the same notice several times
    lost_notify            notify           –                    this try does not arrive
    reordered_notify       notify           milliseconds (1000)  overtaken by another, or so late
    forged_notify          notify           –                    signed by somebody else
    wrong_amount_notify    notify           fen to add (1)       signed, but the amount is off
    wrong_currency_notify  notify           currency (USD)       signed, but of another currency
    not_ready              bill             –                    the platform still writes it
    missing_rows           bill             rows (1)             the last so many are not there
    extra_rows             bill             rows (1)             so many that nobody ordered
    wrong_amount           bill             fen to add (1)       to the first row's amount
    wrong_fee              bill             fen to add (1)       to the first row's fee

`lost_request` and `lost_answer` are the two halves of not knowing. At notify, `lost_answer` loses
the merchant's acknowledgement, so the notice comes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from random import Random
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import asdict

from handlers.simulator.world.merchants import Merchant, MerchantKey
from schema.channels.language import Protocols

Api = Literal[
    "calls",  # every call
    "create",
    "query",
    "close",
    "reverse",
    "refund",
    "query_refund",
    "transfer",
    "query_transfer",
    "cancel_transfer",
    "share",
    "query_share",
    "certificates",
    "find_bill",
    "fetch_bill",
    # and what happens by itself:
    "pay",
    "notify",
    "bill",
]
Kind = Literal[
    "lost_request",
    "lost_answer",
    "slow",
    "hang",
    "http_500",
    "refuse",
    "rate_limit",
    "brown_out",
    "notify_before_answer",
    "late_success",
    "needs_password",
    "not_enough_money",
    "payer_refuses",
    "silent_outage",
    "ends_abnormal",
    "ends_closed",
    "ends_failed",
    "returned",
    "duplicate_notify",
    "lost_notify",
    "reordered_notify",
    "forged_notify",
    "wrong_amount_notify",
    "wrong_currency_notify",
    "not_ready",
    "missing_rows",
    "extra_rows",
    "wrong_amount",
    "wrong_fee",
]

CALLS: frozenset[Api] = frozenset(
    {
        "calls", "create", "query", "close", "reverse", "refund", "query_refund", "transfer",
        "query_transfer", "cancel_transfer", "share", "query_share", "certificates", "find_bill",
        "fetch_bill",
    }
)  # fmt: skip
_PAY, _NOTIFY, _BILL = frozenset[Api]({"pay"}), frozenset[Api]({"notify"}), frozenset[Api]({"bill"})


class Knob(Struct, frozen=True):
    """Where a kind can be ordered, and its value unless another is given; None: it has none."""

    apis: frozenset[Api]
    value: int | str | None = None
    at_call: bool = False
    """Whether the shared endpoint sees to it; otherwise the world does, when the thing happens."""


KNOBS: dict[Kind, Knob] = {
    "lost_request": Knob(CALLS, at_call=True),
    "lost_answer": Knob(CALLS | _NOTIFY, at_call=True),
    "slow": Knob(CALLS | _NOTIFY, 1_000, at_call=True),
    "hang": Knob(CALLS, 30_000, at_call=True),
    "http_500": Knob(CALLS, at_call=True),
    "refuse": Knob(CALLS, "", at_call=True),
    "rate_limit": Knob(CALLS, at_call=True),
    "brown_out": Knob(CALLS, 30, at_call=True),
    "notify_before_answer": Knob(frozenset({"create"}), at_call=True),
    "late_success": Knob(frozenset({"close", "reverse"}), 1_000, at_call=True),
    "needs_password": Knob(_PAY),
    "not_enough_money": Knob(_PAY),
    "payer_refuses": Knob(_PAY),
    "silent_outage": Knob(_PAY),
    "ends_abnormal": Knob(frozenset({"refund"})),
    "ends_closed": Knob(frozenset({"refund"})),
    "ends_failed": Knob(frozenset({"transfer", "share"}), ""),
    "returned": Knob(frozenset({"transfer"}), 1_000),
    "duplicate_notify": Knob(_NOTIFY, 1),
    "lost_notify": Knob(_NOTIFY),
    "reordered_notify": Knob(_NOTIFY, 1_000),
    "forged_notify": Knob(_NOTIFY),
    "wrong_amount_notify": Knob(_NOTIFY, 1),
    "wrong_currency_notify": Knob(_NOTIFY, "USD"),
    "not_ready": Knob(_BILL),
    "missing_rows": Knob(_BILL, 1),
    "extra_rows": Knob(_BILL, 1),
    "wrong_amount": Knob(_BILL, 1),
    "wrong_fee": Knob(_BILL, 1),
}
_AT_CALL: frozenset[Kind] = frozenset(kind for kind, knob in KNOBS.items() if knob.at_call)

VALUE_MAX = 3_600_000
"""An hour of milliseconds; of anything else it is more than anybody wants."""
ROWS_MAX = 1_000
FAULTS_MAX = 1_000

Fen = Annotated[int, Meta(ge=0, le=10**12)]


class FaultOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A wish for trouble. All conditions that are given have to hold."""

    account_no: str
    """The platform's number for the merchant."""
    api: Api
    kind: Kind
    protocol: Protocols | None = None
    """Only needed where two platforms use the same number."""
    value: int | str | None = None
    times: Annotated[int, Meta(ge=0)] | None = None
    """How many suffer; null is for good, 0 ends the fault."""
    number: Annotated[str, Meta(min_length=1, max_length=64)] = "*"
    """Only the merchant's numbers that look so, `*` and `?` being anything."""
    amount_min_fen: Fen = 0
    amount_max_fen: Fen | None = None
    amount_modulus: Annotated[int, Meta(ge=1, le=10**12)] | None = None
    """Only amounts that leave `amount_remainder` when divided by this: 100 and 13 means x.13."""
    amount_remainder: Fen = 0
    share_percent: Annotated[int, Meta(ge=1, le=100)] = 100
    """How many of those that fit suffer, drawn with `seed`."""
    seed: int = 0


class Mistake(Struct, frozen=True, kw_only=True):
    """What is wrong with a fault order: the field, and why."""

    param: str
    message: str


class Fault(Struct, kw_only=True):
    """One fault in force; `number` or `code` is its value."""

    order: FaultOrder
    merchant: MerchantKey
    kind: Kind
    number: int = 0
    code: str = ""
    times_left: int | None = None
    suffered_count: int = 0
    lots: Random

    @property
    def wait_s(self) -> float:
        """The value, where it is milliseconds."""
        return self.number / 1000


class FaultView(Struct, frozen=True, kw_only=True):
    """A fault in force, as it is listed."""

    fault: FaultOrder
    times_left: int | None
    suffered_count: int


class Happening(Struct, frozen=True):
    """What may suffer: an API of a merchant, about an order of this number and amount."""

    api: Api
    number: str = ""
    amount_fen: int | None = None


class Faults:
    """Faults in force. Of several that fit, the one that was ordered last strikes."""

    def __init__(self) -> None:
        self._of: dict[MerchantKey, list[Fault]] = {}

    def order(self, merchant: Merchant, wish: FaultOrder) -> Mistake | None:
        """Puts a fault in force or ends it; returns what is wrong with the wish, if anything.

        It takes the place of an older one of the same kind, API and conditions.
        """
        if mistake := _mistake(wish):
            return mistake
        known, aim = self._of.get(merchant.key, []), _aim(wish)
        faults = [fault for fault in known if _aim(fault.order) != aim]
        if wish.times != 0:
            if sum(map(len, self._of.values())) - len(known) + len(faults) >= FAULTS_MAX:
                return Mistake(param="times", message=f"there are {FAULTS_MAX} faults already")
            faults.insert(0, _fault(merchant, wish))
        self._of[merchant.key] = faults
        if not faults:
            del self._of[merchant.key]
        return None

    def clear(self, merchant: Merchant | None = None) -> None:
        """Everything is well again, for one merchant or all."""
        if merchant is None:
            self._of.clear()
        else:
            self._of.pop(merchant.key, None)

    def in_force(self) -> list[FaultView]:
        """All of them, the latest of each merchant first."""
        return [
            FaultView(
                fault=fault.order, times_left=fault.times_left, suffered_count=fault.suffered_count
            )
            for faults in self._of.values()
            for fault in faults
        ]

    def at_call(self, merchant: Merchant, happening: Happening) -> Fault | None:
        """What this call suffers, counted down; None for a smooth call."""
        return self._first(merchant, happening, _AT_CALL)

    def at(self, merchant: Merchant, happening: Happening, *kinds: Kind) -> Fault | None:
        """What happens instead of the good end, counted down; None for the good end."""
        return self._first(merchant, happening, kinds)

    def all_at(self, merchant: Merchant, happening: Happening, *kinds: Kind) -> list[Fault]:
        """One fault of each of these kinds that fits, counted down."""
        found = (self._first(merchant, happening, (kind,)) for kind in kinds)
        return [fault for fault in found if fault]

    def has(self, merchant: Merchant) -> bool:
        """Whether this merchant has any: asked on the hot path, before anything is worked out."""
        return merchant.key in self._of

    def _first(
        self, merchant: Merchant, happening: Happening, kinds: Iterable[Kind]
    ) -> Fault | None:
        for fault in self._of.get(merchant.key, ()):
            if fault.kind in kinds and _fits(fault, happening):
                return self._struck(merchant, fault)
        return None

    def _struck(self, merchant: Merchant, fault: Fault) -> Fault:
        fault.suffered_count += 1
        if fault.times_left is not None:
            fault.times_left -= 1
            if fault.times_left == 0:
                known = self._of[merchant.key]
                known.remove(fault)
                if not known:
                    del self._of[merchant.key]
        return fault


def _fits(fault: Fault, happening: Happening) -> bool:
    order = fault.order
    if order.api != happening.api and not (order.api == "calls" and happening.api in CALLS):
        return False
    if order.number != "*" and not fnmatchcase(happening.number, order.number):
        return False
    if not _amount_fits(order, happening.amount_fen):
        return False
    return order.share_percent == 100 or fault.lots.randrange(100) < order.share_percent


def _amount_fits(order: FaultOrder, amount_fen: int | None) -> bool:
    if not order.amount_min_fen and order.amount_max_fen is None and order.amount_modulus is None:
        return True
    if amount_fen is None or amount_fen < order.amount_min_fen:
        return False
    if order.amount_max_fen is not None and amount_fen > order.amount_max_fen:
        return False
    modulus = order.amount_modulus
    return modulus is None or amount_fen % modulus == order.amount_remainder


def _mistake(wish: FaultOrder) -> Mistake | None:
    knob, value = KNOBS[wish.kind], wish.value
    if wish.api not in knob.apis:
        return Mistake(param="api", message=f"{wish.kind} does not happen at {wish.api}")
    if value is not None and type(value) is not type(knob.value):
        return Mistake(param="value", message=f"this value does not fit {wish.kind}")
    if isinstance(value, int) and abs(value) > _value_max(wish):
        return Mistake(param="value", message=f"at most {_value_max(wish)}")
    if isinstance(value, int) and value < 0 and not wish.kind.startswith("wrong_"):
        return Mistake(param="value", message="must not be below 0")
    if wish.amount_max_fen is not None and wish.amount_max_fen < wish.amount_min_fen:
        return Mistake(param="amount_max_fen", message="is below amount_min_fen")
    if wish.amount_remainder and wish.amount_remainder >= (wish.amount_modulus or 0):
        return Mistake(param="amount_remainder", message="is not below amount_modulus")
    return None


def _value_max(wish: FaultOrder) -> int:
    if wish.kind == "brown_out":
        return 100
    return (
        ROWS_MAX if wish.kind in ("missing_rows", "extra_rows", "duplicate_notify") else VALUE_MAX
    )


def _aim(wish: FaultOrder) -> Sequence[object]:
    """What makes two orders the same one: all but the value and the counts."""
    told = asdict(wish)
    return [told[name] for name in told if name not in ("value", "times", "protocol", "seed")]


def _fault(merchant: Merchant, wish: FaultOrder) -> Fault:
    value = KNOBS[wish.kind].value if wish.value is None else wish.value
    return Fault(
        order=wish,
        merchant=merchant.key,
        kind=wish.kind,
        number=value if isinstance(value, int) else 0,
        code=value if isinstance(value, str) else "",
        times_left=wish.times,
        lots=Random(wish.seed),
    )
