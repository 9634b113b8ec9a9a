"""An account at the bank as both ends hold it: one secret that only they know."""

from __future__ import annotations

from msgspec import Struct

SECRET_BYTES_MIN = 32


class Account(Struct, frozen=True, kw_only=True):
    """What both ends share. Shown by its number only, for tracebacks and logs print whatever they
    meet."""

    merchant: str
    secret: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(merchant={self.merchant!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("merchant", self.merchant)]

    def check(self) -> None:
        """ValueError names the field that is wrong."""
        if len(self.secret.encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"secret: must be {SECRET_BYTES_MIN} bytes or more")
        if not self.merchant.isascii() or not self.merchant.isalnum():
            raise ValueError("merchant: must be letters and digits")


class BankAccount(Account, frozen=True, kw_only=True):
    """Our end. `base_url` is an origin without a path: the path is signed from its root."""

    base_url: str
    notify_url: str


class BankSimulatorAccount(Account, frozen=True, kw_only=True, tag="bank", tag_field="protocol"):
    """The bank's end of the same account."""
