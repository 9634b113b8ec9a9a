"""Identities: readable prefix, time-ordered, and derived where a repeat must give the same one.

A message id is a UUID whose first 48 bits are milliseconds, so that rows written together lie
together in the index. The id of an effect keeps the time of its cause and hashes the rest from it:
a decision made twice has the same identity, whoever makes it.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from uuid import UUID

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
RANK_MAX = 9
"""How many channels one round may try; a payer's patience ends long before."""
REFUND_NUMBERS_MAX = 9
"""How many numbers a refund may have at its channel, one after the other: each takes a person who
asks for it, and the last of them has surely seen that it is not the number."""

_REFUND_NUMBER = re.compile(r"([0-9a-z]{24})(?:r([2-9]))?")


def epoch_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970 of an aware time."""
    return (moment - EPOCH) // MILLISECOND


def message_id(now_ms: int, randomness: bytes) -> str:
    """A new, time-ordered message id from 10 random bytes (UUID version 7, RFC 9562)."""
    return _uuid(now_ms.to_bytes(6, "big"), randomness)


def derived_id(cause_id: str, actor: str, index: int) -> str:
    """The id of the `index`-th effect that `actor` draws from the message `cause_id`."""
    cause = UUID(cause_id).bytes
    digest = blake2b(b"%b%b\n%d" % (cause, actor.encode(), index), digest_size=10).digest()
    return _uuid(cause[:6], digest)


def outside_id(source: str, event_id: str) -> str:
    """Our id for an event of an outside system, which is unique by (source, id) in CloudEvents."""
    text = f"{len(source)}\n{source}{event_id}"  # the length: either may hold any character
    digest = blake2b(text.encode(), digest_size=16).digest()
    return _uuid(digest[:6], digest[6:])


def payment_id(merchant_no: str, merchant_order_no: str, now: datetime) -> str:
    """Our payment number: time first, the merchant's last six characters at the end (28 in all).

    The middle is a hash of the merchant's own number. Two payments share an id only if the same
    merchant places them in the same millisecond with numbers that collide in 40 bits.
    """
    order = blake2b(f"{merchant_no}\n{merchant_order_no}".encode(), digest_size=5).digest()
    middle = base32(int.from_bytes(order, "big"), 8)
    return f"pay_{base32(epoch_ms(now), 10)}{middle}{merchant_no[-6:].rjust(6, '0').lower()}"


def refund_id(merchant_no: str, merchant_refund_no: str, now: datetime) -> str:
    """Our refund's id, built like that of a payment; without `ref_` it is ours at the channel."""
    number = payment_id(merchant_no, f"refund\n{merchant_refund_no}", now)
    return f"ref_{number.removeprefix('pay_')}"


def refund_number(refund_id: str, ordinal: int = 1) -> str:
    """The `ordinal`-th number of a refund at its channel: 24 characters of a-z and 0-9, and from
    the second on two more, `r2` to `r9`. Never an attempt's number, which ends in two digits."""
    assert 1 <= ordinal <= REFUND_NUMBERS_MAX
    return refund_id.removeprefix("ref_") + (f"r{ordinal}" if ordinal > 1 else "")


def refund_of(number: str) -> tuple[str, int]:
    """The refund that any of its numbers stands for, and which of them it is."""
    written = _REFUND_NUMBER.fullmatch(number)
    if written is None:
        return f"ref_{number}", 1
    return f"ref_{written[1]}", int(written[2] or 1)


def attempt_id(payment_id: str, number: int) -> str:
    """The id of a payment's `number`-th attempt (1 to 99); it is also our number at the channel.

    26 characters of a-z and 0-9, inside WeChat's 6 to 32 for `out_trade_no`.
    """
    assert 1 <= number <= 99
    return f"{payment_id.removeprefix('pay_')}{number:02d}"


def round_no(payment_id: str, number: int) -> str:
    """What the attempts of one round have in common; round 0 is the first."""
    assert 0 <= number <= 9
    return f"{payment_id.removeprefix('pay_')}{number}"


def round_attempt_id(payment_id: str, number: int, rank: int) -> str:
    """The attempt at the `rank`-th channel (1 to 9) of a round."""
    assert 1 <= rank <= RANK_MAX
    return f"{round_no(payment_id, number)}{rank}"


def round_of(attempt_id: str) -> int:
    """Which round an attempt belongs to."""
    return int(attempt_id[-2])


def base32(number: int, width: int) -> str:
    """`number` in Crockford's alphabet, highest digit first: text order is number order."""
    digits = [CROCKFORD[(number >> shift) & 31] for shift in range(5 * (width - 1), -1, -5)]
    return "".join(digits)


def _uuid(head: bytes, tail: bytes) -> str:
    raw = bytearray(head + tail)
    raw[6] = raw[6] & 0x0F | 0x70
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def account_no(code: str, day: date, sequence: int, owner: str) -> str:
    """An account number 账号 of 21 digits: kind (2), day (8), sequence (6), owner (4), check (1).

    The owner's part is his last four digits, or four digits drawn from a name without any. Day and
    sequence make it unique; the check digit catches every wrong digit and nearly every swapped
    pair.
    """
    assert len(code) == 2 and 0 <= sequence <= 999_999
    digits = f"{code}{day:%Y%m%d}{sequence:06d}{_four_digits(owner)}"
    return f"{digits}{check_digit(digits)}"


def is_account_no(text: str) -> bool:
    """Whether this may be one of our account numbers: 21 digits, of which the last one fits."""
    return (
        len(text) == 21 and text.isascii() and text.isdigit() and check_digit(text[:-1]) == text[-1]
    )


def check_digit(digits: str) -> str:
    """The check digit of ISO/IEC 7064 MOD 11,10, the standard's system for digits alone."""
    product = 10
    for digit in digits:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def _four_digits(owner: str) -> str:
    if owner[-4:].isdigit():
        return owner[-4:].rjust(4, "0")
    return f"{int.from_bytes(blake2b(owner.encode(), digest_size=4).digest(), 'big') % 10_000:04d}"
