"""Accounts of the UnionPay cloud pass as both ends hold them, and their keys, parsed once.

UnionPay hands out the service provider's key as a PFX file with a password, and its own public key
as base64 without PEM lines; both are taken as they come, and as PEM.
"""

from __future__ import annotations

from base64 import b64decode
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates
from msgspec import Struct

RSA_BITS_MIN = 2048

# Far more accounts than one process serves; a bound all the same, since accounts can change.
ACCOUNTS_CACHED_MAX = 4096


class Account(Struct, frozen=True, kw_only=True):
    """What both ends of one merchant's connection share. Shown by its numbers only: the rest is
    secret, and tracebacks and logs print whatever they meet."""

    ser_prov_id: str
    """The service provider who signs."""
    mer_id: str
    """The merchant who is paid."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mer_id={self.mer_id!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("mer_id", self.mer_id)]


class UnionpayAccount(Account, frozen=True, kw_only=True):
    """Our end. `base_url` is an origin; the private key comes as PEM, or as a PFX file in base64
    with its password."""

    base_url: str
    notify_url: str
    platform_public_key: str
    private_key_pem: str = ""
    private_key_pfx: str = ""
    pfx_password: str = ""
    acq_code: str = ""
    """Which acquirer of several is to take the payment; empty leaves it to UnionPay."""
    term_id: str = "01"
    """The till that shows codes or scans them."""


class UnionpaySimulatorAccount(
    Account, frozen=True, kw_only=True, tag="unionpay", tag_field="protocol"
):
    """The platform's end of the same merchant."""

    provider_public_key: str
    platform_private_key_pem: str


class UnionpayKeys(Struct, frozen=True, kw_only=True):
    """Our end, ready to use."""

    account: UnionpayAccount
    private_key: RSAPrivateKey
    peer_key: RSAPublicKey

    @classmethod
    def of(cls, account: UnionpayAccount) -> UnionpayKeys:
        """Parsed once per account and process; ValueError names the field that is wrong."""
        return _our_keys(account)


class UnionpaySimulatorKeys(Struct, frozen=True, kw_only=True):
    """The platform's end, ready to use."""

    account: UnionpaySimulatorAccount
    private_key: RSAPrivateKey
    peer_key: RSAPublicKey

    @classmethod
    def of(cls, account: UnionpaySimulatorAccount) -> UnionpaySimulatorKeys:
        """Parsed once per account and process; ValueError names the field that is wrong."""
        return _their_keys(account)


@lru_cache(maxsize=ACCOUNTS_CACHED_MAX)
def _our_keys(account: UnionpayAccount) -> UnionpayKeys:
    if bool(account.private_key_pem) == bool(account.private_key_pfx):
        raise ValueError("private_key_pem: give it or private_key_pfx, and not both")
    if account.private_key_pem:
        private_key = _from_pem("private_key_pem", account.private_key_pem)
    else:
        private_key = _from_pfx(account.private_key_pfx, account.pfx_password)
    peer_key = _public_key("platform_public_key", account.platform_public_key)
    return UnionpayKeys(account=account, private_key=private_key, peer_key=peer_key)


@lru_cache(maxsize=ACCOUNTS_CACHED_MAX)
def _their_keys(account: UnionpaySimulatorAccount) -> UnionpaySimulatorKeys:
    return UnionpaySimulatorKeys(
        account=account,
        private_key=_from_pem("platform_private_key_pem", account.platform_private_key_pem),
        peer_key=_public_key("provider_public_key", account.provider_public_key),
    )


@lru_cache(maxsize=ACCOUNTS_CACHED_MAX)
def _from_pem(field: str, pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None  # the parser's own words could quote the key: they go nowhere
    return _strong(field, key)


def _from_pfx(pfx: str, password: str) -> RSAPrivateKey:
    try:
        key, _, _ = load_key_and_certificates(b64decode(pfx, validate=True), password.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    return _strong("private_key_pfx", key)


def _strong(field: str, key: object) -> RSAPrivateKey:
    if not isinstance(key, RSAPrivateKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError(f"{field}: must be an RSA private key of {RSA_BITS_MIN} bits or more")
    return key


def _public_key(field: str, text: str) -> RSAPublicKey:
    try:
        if "-----BEGIN" in text:
            key = load_pem_public_key(text.encode())
        else:
            key = load_der_public_key(b64decode("".join(text.split()), validate=True))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError(f"{field}: must be an RSA public key of {RSA_BITS_MIN} bits or more")
    return key
