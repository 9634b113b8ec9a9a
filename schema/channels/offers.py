"""Offers: what the payer's side gets so that they can pay, by the rules of each channel."""

from __future__ import annotations

from msgspec import Struct


class QrCode(Struct, frozen=True, kw_only=True, tag="qr_code", tag_field="kind"):
    """Shown as a QR code; the payer scans it with the wallet."""

    url: str


class Redirect(Struct, frozen=True, kw_only=True, tag="redirect", tag_field="kind"):
    """The payer's browser goes there (H5, WAP)."""

    url: str


class Form(Struct, frozen=True, kw_only=True, tag="form", tag_field="kind"):
    """The payer's browser posts these fields there, in this order (PC page)."""

    url: str
    fields: dict[str, str]


class ClientCall(Struct, frozen=True, kw_only=True, tag="client_call", tag_field="kind"):
    """Signed parameters that the page, mini program or app hands to the wallet's own library."""

    parameters: dict[str, str]


class AppString(Struct, frozen=True, kw_only=True, tag="app_string", tag_field="kind"):
    """One signed text that the app hands to the wallet's own library."""

    text: str


class AtTheTill(Struct, frozen=True, kw_only=True, tag="at_the_till", tag_field="kind"):
    """A payment code was scanned; the payer confirms on their own phone, nothing is shown."""


Offer = QrCode | Redirect | Form | ClientCall | AppString | AtTheTill
