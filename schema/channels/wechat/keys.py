"""Accounts of WeChat Pay API v3 as both ends hold them, and their keys, parsed once.

Both ends know the same shared words; each keeps its own private key and the other's public key.
Public-key mode only: the platform's key has an id that begins `PUB_KEY_ID_` and does not rotate.
"""

from __future__ import annotations

from functools import lru_cache

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
    appid: str
    merchant_serial: str
    api_v3_key: str
    public_key_id: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(mchid={self.mchid!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("mchid", self.mchid)]


class WechatAccount(Account, frozen=True, kw_only=True):
    """Our end. `base_url` is an origin (`https://api.mch.weixin.qq.com`), without a path: the path
    is signed from its root. `notify_url` is https and has no query, as the create call demands."""

    base_url: str
    merchant_private_key_pem: str
    public_key_pem: str
    notify_url: str


class SimulatorAccount(Account, frozen=True, kw_only=True):
    """The platform's end of the same merchant."""

    merchant_public_key_pem: str
    platform_private_key_pem: str


class WechatKeys(Struct, frozen=True, kw_only=True):
    """Our end, ready to use."""

    account: WechatAccount
    private_key: RSAPrivateKey
    peer_key: RSAPublicKey
    aead: AESGCM

    @classmethod
    def of(cls, account: WechatAccount) -> WechatKeys:
        """Parsed once per account and process; ValueError names the field that is wrong."""
        return _wechat_keys(account)


class SimulatorKeys(Struct, frozen=True, kw_only=True):
    """The platform's end, ready to use."""

    account: SimulatorAccount
    private_key: RSAPrivateKey
    peer_key: RSAPublicKey
    aead: AESGCM

    @classmethod
    def of(cls, account: SimulatorAccount) -> SimulatorKeys:
        """Parsed once per account and process; ValueError names the field that is wrong."""
        return _simulator_keys(account)


@lru_cache(maxsize=ACCOUNTS_CACHED_MAX)
def _wechat_keys(account: WechatAccount) -> WechatKeys:
    return WechatKeys(
        account=account,
        private_key=_private_key("merchant_private_key_pem", account.merchant_private_key_pem),
        peer_key=_public_key("public_key_pem", account.public_key_pem),
        aead=_aead(account.api_v3_key),
    )


@lru_cache(maxsize=ACCOUNTS_CACHED_MAX)
def _simulator_keys(account: SimulatorAccount) -> SimulatorKeys:
    return SimulatorKeys(
        account=account,
        private_key=_private_key("platform_private_key_pem", account.platform_private_key_pem),
        peer_key=_public_key("merchant_public_key_pem", account.merchant_public_key_pem),
        aead=_aead(account.api_v3_key),
    )


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
