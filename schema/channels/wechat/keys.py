"""Accounts of WeChat Pay API v3 as both ends hold them, and their keys, parsed once.

Both ends know the same shared words; each keeps its own private key and the other's public keys.
The platform proves itself in one of two ways, and during a migration in both at once:

    public key     one static key, whose id begins `PUB_KEY_ID_`
    certificates   several at a time, each for a time, named by serial number and renewed by a call
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from msgspec import Struct

RSA_BITS_MIN = 2048  # the scheme is named WECHATPAY2-SHA256-RSA2048
API_V3_KEY_BYTES = 32  # AES-256

# Far more accounts than one process serves; a bound all the same, since accounts can change.
ACCOUNTS_CACHED_MAX = 4096


class Account(Struct, frozen=True, kw_only=True):
    """What both ends of one merchant's connection share. Shown by its number only: the rest is
    secret, and tracebacks and logs print whatever they meet."""

    mchid: str
    """The merchant's number; of a service provider 服务商, its own."""
    appid: str
    merchant_serial: str
    api_v3_key: str
    public_key_id: str = ""
    """Empty where only certificates are used."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mchid={self.mchid!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("mchid", self.mchid)]


class SceneReport(Struct, frozen=True, kw_only=True):
    """What the platform wants to be told of a transfer's occasion 转账场景报备信息."""

    info_type: str
    info_content: str


class WechatAccount(Account, frozen=True, kw_only=True):
    """Our end. `base_url` is an origin (`https://api.mch.weixin.qq.com`), without a path: the path
    is signed from its root. `notify_url` is https and has no query, as the create call demands."""

    base_url: str
    merchant_private_key_pem: str
    notify_url: str
    public_key_pem: str = ""
    platform_certificates_pem: tuple[str, ...] = ()
    """Where certificates are used: the newest that are known. More are asked for by `renew`."""
    sub_mchid: str = ""
    """The sub-merchant 特约商户 for whom a service provider speaks; empty for a direct merchant."""
    sub_appid: str = ""
    store_id: str = "0001"
    """The shop where payment codes are scanned."""
    transfer_scene_id: str = "1000"
    transfer_scene_reports: tuple[SceneReport, ...] = ()


class PlatformCertificate(Struct, frozen=True, kw_only=True):
    """A certificate of the platform with its key: only the platform's end has it."""

    certificate_pem: str
    private_key_pem: str


class SimulatorAccount(Account, frozen=True, kw_only=True, tag="wechat", tag_field="protocol"):
    """The platform's end of the same merchant."""

    merchant_public_key_pem: str
    platform_private_key_pem: str = ""
    platform_certificates: tuple[PlatformCertificate, ...] = ()
    sub_mchids: tuple[str, ...] = ()
    """Sub-merchants for whom this service provider may speak."""


class PeerKey(Struct, frozen=True, kw_only=True):
    """A public key of the platform and when it may be believed; None is for good."""

    serial: str
    """As it is written in headers."""
    key: RSAPublicKey
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it may be used now."""
        return self.valid_until is None or (
            self.valid_from is not None and self.valid_from <= now <= self.valid_until
        )


Peers = Mapping[str, PeerKey]
"""The platform's keys by `plain_serial`."""


class WechatKeys(Struct, frozen=True, kw_only=True):
    """Our end, ready to use."""

    account: WechatAccount
    private_key: RSAPrivateKey
    peers: Peers
    aead: AESGCM

    @classmethod
    def of(cls, account: WechatAccount) -> WechatKeys:
        """Parsed once per account and process; ValueError names the field that is wrong."""
        return _wechat_keys(account)

    @property
    def has_certificates(self) -> bool:
        """Whether the platform's keys rotate."""
        return bool(self.account.platform_certificates_pem) or not self.account.public_key_id

    def newest_peer(self, now: datetime) -> PeerKey | None:
        """The key that secrets are encrypted for: the static one, or the certificate that will
        last longest. None before the first `renew` of an account that brought no certificate."""
        static = self.peers.get(plain_serial(self.account.public_key_id))
        valid = [peer for peer in self.peers.values() if peer.valid_until and peer.is_valid(now)]
        return static or max(valid, key=lambda peer: str(peer.valid_until), default=None)


class Signer(Struct, frozen=True, kw_only=True):
    """A private key of the platform and the name that its signatures go under."""

    serial: str
    key: RSAPrivateKey
    certificate_pem: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None


class SimulatorKeys(Struct, frozen=True, kw_only=True):
    """The platform's end, ready to use."""

    account: SimulatorAccount
    signers: tuple[Signer, ...]
    """The static key first, if there is one, then certificates, the newest first."""
    peer_key: RSAPublicKey
    aead: AESGCM

    @classmethod
    def of(cls, account: SimulatorAccount) -> SimulatorKeys:
        """Parsed once per account and process; ValueError names the field that is wrong."""
        return _simulator_keys(account)

    def signer(self, serial: str = "") -> Signer:
        """The key that the merchant named in `Wechatpay-Serial`, or the first."""
        wanted = plain_serial(serial)
        named = (signer for signer in self.signers if plain_serial(signer.serial) == wanted)
        return next(named, self.signers[0])


def plain_serial(serial: str) -> str:
    """A serial number in one form: some write it in lower case or without its leading zeros."""
    return serial.upper().lstrip("0")


def certificate_peer(field: str, pem: str) -> PeerKey:
    """The key in a certificate of the platform; ValueError where it is none."""
    certificate = read_certificate(field, pem)
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError(f"{field}: must hold an RSA public key of {RSA_BITS_MIN} bits or more")
    return PeerKey(
        serial=certificate_serial(certificate),
        key=key,
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
    )


def read_certificate(field: str, pem: str) -> x509.Certificate:
    """A certificate in PEM; ValueError names the field."""
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise ValueError(f"{field}: must be a PEM certificate") from None


def certificate_serial(certificate: x509.Certificate) -> str:
    """As the platform writes it: 40 upper-case hexadecimal digits."""
    return f"{certificate.serial_number:040X}"


@lru_cache(maxsize=ACCOUNTS_CACHED_MAX)
def _wechat_keys(account: WechatAccount) -> WechatKeys:
    if bool(account.public_key_id) != bool(account.public_key_pem):
        raise ValueError("public_key_id and public_key_pem: both or neither")
    peers = [
        certificate_peer("platform_certificates_pem", pem)
        for pem in account.platform_certificates_pem
    ]
    if account.public_key_id:
        key = _public_key("public_key_pem", account.public_key_pem)
        peers.append(PeerKey(serial=account.public_key_id, key=key))
    return WechatKeys(
        account=account,
        private_key=_private_key("merchant_private_key_pem", account.merchant_private_key_pem),
        peers={plain_serial(peer.serial): peer for peer in peers},
        aead=_aead(account.api_v3_key),
    )


@lru_cache(maxsize=ACCOUNTS_CACHED_MAX)
def _simulator_keys(account: SimulatorAccount) -> SimulatorKeys:
    certified = [_certified_signer(each) for each in account.platform_certificates]
    signers = sorted(certified, key=lambda signer: str(signer.valid_from), reverse=True)
    if account.public_key_id:
        key = _private_key("platform_private_key_pem", account.platform_private_key_pem)
        signers.insert(0, Signer(serial=account.public_key_id, key=key))
    if not signers:
        raise ValueError("platform_certificates: needed where there is no public_key_id")
    return SimulatorKeys(
        account=account,
        signers=tuple(signers),
        peer_key=_public_key("merchant_public_key_pem", account.merchant_public_key_pem),
        aead=_aead(account.api_v3_key),
    )


def _certified_signer(pair: PlatformCertificate) -> Signer:
    certificate = read_certificate("platform_certificates", pair.certificate_pem)
    return Signer(
        serial=certificate_serial(certificate),
        key=_private_key("platform_certificates", pair.private_key_pem),
        certificate_pem=pair.certificate_pem,
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
    )


@lru_cache(maxsize=ACCOUNTS_CACHED_MAX)
def _private_key(field: str, pem: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None  # the parser's own words could quote the key: they go nowhere
    if not isinstance(key, RSAPrivateKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError(f"{field}: must be a PEM RSA private key of {RSA_BITS_MIN} bits or more")
    return key


def _public_key(field: str, pem: str) -> RSAPublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < RSA_BITS_MIN:
        raise ValueError(f"{field}: must be a PEM RSA public key of {RSA_BITS_MIN} bits or more")
    return key


def _aead(api_v3_key: str) -> AESGCM:
    key = api_v3_key.encode()
    if len(key) != API_V3_KEY_BYTES:
        raise ValueError(f"api_v3_key: must be {API_V3_KEY_BYTES} bytes")
    return AESGCM(key)
