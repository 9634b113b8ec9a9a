"""Accounts of Alipay's open platform as both ends hold them, and their keys, parsed once.

The two ends prove themselves in one of two ways:

    keys           each end knows the other's public key
    certificates   each end names its certificate by serial number `…_cert_sn`, and ours chain up to
                   the platform's root; transfers and the like are allowed in this mode only

Source: opendocs.alipay.com, "signing in key mode" and "signing in certificate mode".
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import md5

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from msgspec import Struct

RSA_BITS_MIN = 2048  # RSA2 is SHA256withRSA with keys of at least this
RSA_SIGNATURES = "1.2.840.113549.1.1."
"""How the names of RSA's signature algorithms begin; the root file has SM2 certificates as well."""

# Far more accounts than one process serves; a bound all the same, since accounts can change.
ACCOUNTS_CACHED_MAX = 4096


class Account(Struct, frozen=True, kw_only=True):
    """What both ends of one app share. Shown by its number only: the rest is secret, and tracebacks
    and logs print whatever they meet."""

    app_id: str
    seller_id: str = ""
    """The merchant's own number (PID, 2088…). Where it is given, notices and answers that name
    another seller are not ours."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(app_id={self.app_id!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("app_id", self.app_id)]


class AlipayAccount(Account, frozen=True, kw_only=True):
    """Our end. `base_url` is an origin (`https://openapi.alipay.com`), without a path. Keys are
    PEM, or bare base64 as Alipay's own tools give them."""

    base_url: str
    app_private_key_pem: str
    notify_url: str
    alipay_public_key_pem: str = ""
    """Key mode. Empty in certificate mode, where the next three are needed."""
    app_certificate_pem: str = ""
    alipay_certificates_pem: tuple[str, ...] = ()
    """All that may sign answers: before one is replaced, add the next."""
    alipay_root_certificates_pem: str = ""
    app_auth_token: str = ""
    """The right that a merchant gave us 第三方应用授权, where we speak for somebody else's app."""
    auth_app_id: str = ""
    """The merchant's app that the token belongs to."""
    sys_service_provider_id: str = ""
    """The service provider's own PID, who has a part of the fees by it 返佣."""
    op_app_id: str = ""
    """The mini program in which the payer pays."""
    store_id: str = ""
    payer_show_name: str = ""
    """Who a transfer comes from, as its payee sees it."""


class Authorisation(Struct, frozen=True, kw_only=True):
    """A merchant's leave for the app to speak for an app of theirs 第三方应用授权."""

    app_auth_token: str
    auth_app_id: str


class AlipayPlatformAccount(Account, frozen=True, kw_only=True, tag="alipay", tag_field="protocol"):
    """The platform's end of the same app."""

    platform_private_key_pem: str
    app_public_key_pem: str = ""
    """Key mode."""
    app_certificate_pem: str = ""
    platform_certificate_pem: str = ""
    platform_root_certificates_pem: str = ""
    authorisations: tuple[Authorisation, ...] = ()
    gateway_url: str = ""
    """The app's own gateway 应用网关, which hears of transfers; empty where nobody listens."""


class AlipayKeys(Struct, frozen=True, kw_only=True):
    """Our end, ready to use."""

    account: AlipayAccount
    private_key: RSAPrivateKey
    peers: Mapping[str, RSAPublicKey]
    """The platform's keys by their certificates' serial numbers; in key mode by an empty one."""
    app_cert_sn: str
    """Empty in key mode, as the next."""
    root_cert_sn: str

    @classmethod
    def of(cls, account: AlipayAccount) -> AlipayKeys:
        """Parsed once per account and process; ValueError names the field that is wrong."""
        return _alipay_keys(account)

    @property
    def has_certificates(self) -> bool:
        """Whether this account is in certificate mode."""
        return bool(self.app_cert_sn)


class AlipayPlatformKeys(Struct, frozen=True, kw_only=True):
    """The platform's end, ready to use."""

    account: AlipayPlatformAccount
    private_key: RSAPrivateKey
    peer_key: RSAPublicKey
    app_cert_sn: str
    root_cert_sn: str
    platform_cert_sn: str

    @classmethod
    def of(cls, account: AlipayPlatformAccount) -> AlipayPlatformKeys:
        """Parsed once per account and process; ValueError names the field that is wrong."""
        return _platform_keys(account)

    @property
    def has_certificates(self) -> bool:
        """Whether this app proves itself by a certificate."""
        return bool(self.app_cert_sn)


def certificate_sn(certificate: x509.Certificate) -> str:
    """The MD5 of the issuer's name, as RFC 4514 writes it, and of the serial number in decimal."""
    named = f"{certificate.issuer.rfc4514_string()}{certificate.serial_number}"
    return md5(named.encode(), usedforsecurity=False).hexdigest()


def root_sn(certificates: Sequence[x509.Certificate]) -> str:
    """The numbers of those that are signed by RSA, in their order."""
    return "_".join(
        certificate_sn(each)
        for each in certificates
        if each.signature_algorithm_oid.dotted_string.startswith(RSA_SIGNATURES)
    )


def read_certificates(field: str, pem: str) -> list[x509.Certificate]:
    """All certificates in a PEM text; ValueError names the field."""
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise ValueError(f"{field}: must be PEM certificates") from None


def certified_key(field: str, pem: str) -> tuple[str, RSAPublicKey]:
    """The number of the first certificate in a PEM text and its key; more is its chain."""
    first = read_certificates(field, pem)[0]
    try:
        key = first.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError(f"{field}: must hold an RSA public key of {RSA_BITS_MIN} bits or more")
    return certificate_sn(first), key


@lru_cache(maxsize=ACCOUNTS_CACHED_MAX)
def _alipay_keys(account: AlipayAccount) -> AlipayKeys:
    given = (
        account.app_certificate_pem,
        account.alipay_certificates_pem,
        account.alipay_root_certificates_pem,
    )
    if any(given) and not all(given):
        raise ValueError("app_certificate_pem: needs the certificates of Alipay and of its root")
    private_key = _private_key("app_private_key_pem", account.app_private_key_pem)
    if not any(given):
        key = _public_key("alipay_public_key_pem", account.alipay_public_key_pem)
        return AlipayKeys(
            account=account, private_key=private_key, peers={"": key}, app_cert_sn="",
            root_cert_sn="",
        )  # fmt: skip
    number, ours = certified_key("app_certificate_pem", account.app_certificate_pem)
    if ours.public_numbers() != private_key.public_key().public_numbers():
        raise ValueError("app_certificate_pem: does not belong to app_private_key_pem")
    return AlipayKeys(
        account=account,
        private_key=private_key,
        peers=dict(
            certified_key("alipay_certificates_pem", pem) for pem in account.alipay_certificates_pem
        ),
        app_cert_sn=number,
        root_cert_sn=_root_sn(account.alipay_root_certificates_pem),
    )


@lru_cache(maxsize=ACCOUNTS_CACHED_MAX)
def _platform_keys(account: AlipayPlatformAccount) -> AlipayPlatformKeys:
    private_key = _private_key("platform_private_key_pem", account.platform_private_key_pem)
    if not account.app_certificate_pem:
        return AlipayPlatformKeys(
            account=account,
            private_key=private_key,
            peer_key=_public_key("app_public_key_pem", account.app_public_key_pem),
            app_cert_sn="",
            root_cert_sn="",
            platform_cert_sn="",
        )
    number, peer_key = certified_key("app_certificate_pem", account.app_certificate_pem)
    own = certified_key("platform_certificate_pem", account.platform_certificate_pem)
    return AlipayPlatformKeys(
        account=account,
        private_key=private_key,
        peer_key=peer_key,
        app_cert_sn=number,
        root_cert_sn=_root_sn(account.platform_root_certificates_pem),
        platform_cert_sn=own[0],
    )


def _root_sn(pem: str) -> str:
    return root_sn(read_certificates("alipay_root_certificates_pem", pem))


@lru_cache(maxsize=ACCOUNTS_CACHED_MAX)
def _private_key(field: str, text: str) -> RSAPrivateKey:
    try:
        key = (
            load_pem_private_key(text.encode(), password=None)
            if "-----BEGIN" in text
            else load_der_private_key(b64decode(text), password=None)
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None  # the parser's own words could quote the key: they go nowhere
    if not isinstance(key, RSAPrivateKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError(f"{field}: must be an RSA private key of {RSA_BITS_MIN} bits or more")
    return key


def _public_key(field: str, text: str) -> RSAPublicKey:
    try:
        key = (
            load_pem_public_key(text.encode())
            if "-----BEGIN" in text
            else load_der_public_key(b64decode(text))
        )
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError(f"{field}: must be an RSA public key of {RSA_BITS_MIN} bits or more")
    return key
