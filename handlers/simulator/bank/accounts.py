"""A fresh account at the simulated bank: both ends, with a new secret that is never committed."""

from __future__ import annotations

import secrets

from schema.channels.bank import BankAccount, BankSimulatorAccount


def generate_bank_account(
    merchant: str, base_url: str, notify_url: str
) -> tuple[BankAccount, BankSimulatorAccount]:
    """Our end and the bank's end of one new account."""
    secret = secrets.token_urlsafe(32)
    ours = BankAccount(merchant=merchant, secret=secret, base_url=base_url, notify_url=notify_url)
    return ours, BankSimulatorAccount(merchant=merchant, secret=secret)
