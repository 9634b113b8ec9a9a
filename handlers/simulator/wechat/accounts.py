"""A fresh merchant of the simulated WeChat Pay: both ends of one account, with new keys.

Nothing here is ever committed: each installation and each test run makes its own.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from schema.channels.wechat import PlatformCertificate, SimulatorAccount, WechatAccount
from schema.channels.wechat.keys import API_V3_KEY_BYTES, RSA_BITS_MIN

_KEY_CHARACTERS = string.ascii_letters + string.digits


def generate_account(
    mchid: str, appid: str, base_url: str, notify_url: str
) -> tuple[WechatAccount, SimulatorAccount]:
    """Our end and the platform's end of one new account; two RSA keys, so about 0.2 s of CPU."""
    merchant, platform = _key_pair(), _key_pair()
    merchant_serial = secrets.token_hex(20).upper()
    public_key_id = f"PUB_KEY_ID_{secrets.randbelow(10**32):032d}"
    api_v3_key = "".join(secrets.choice(_KEY_CHARACTERS) for _ in range(API_V3_KEY_BYTES))
    ours = WechatAccount(
        base_url=base_url,
        mchid=mchid,
        appid=appid,
        merchant_serial=merchant_serial,
        merchant_private_key_pem=_private_pem(merchant),
        api_v3_key=api_v3_key,
        public_key_id=public_key_id,
        public_key_pem=_public_pem(platform),
        notify_url=notify_url,
    )
    theirs = SimulatorAccount(
        mchid=mchid,
        appid=appid,
        merchant_serial=merchant_serial,
        merchant_public_key_pem=_public_pem(merchant),
        api_v3_key=api_v3_key,
        platform_private_key_pem=_private_pem(platform),
        public_key_id=public_key_id,
    )
    return ours, theirs


def generate_certified_account(
    mchid: str,
    appid: str,
    base_url: str,
    notify_url: str,
    *,
    periods: Sequence[tuple[datetime, datetime]],
) -> tuple[WechatAccount, SimulatorAccount]:
    """The same where the platform proves itself by certificates, one for each period."""
    ours, theirs = generate_account(mchid, appid, base_url, notify_url)
    pairs = tuple(generate_certificate(*period) for period in periods)
    known = tuple(pair.certificate_pem for pair in pairs)
    ours = replace(ours, public_key_id="", public_key_pem="", platform_certificates_pem=known)
    theirs = replace(theirs, public_key_id="", platform_private_key_pem="")
    return ours, replace(theirs, platform_certificates=pairs)


def generate_certificate(valid_from: datetime, valid_until: datetime) -> PlatformCertificate:
    """A new certificate of the platform, signed by itself: nobody asks who vouches for it."""
    key = _key_pair()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenpay.com sign")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid_from)
        .not_valid_after(valid_until)
        .sign(key, SHA256())
    )
    return PlatformCertificate(
        certificate_pem=certificate.public_bytes(Encoding.PEM).decode("ascii"),
        private_key_pem=_private_pem(key),
    )


def _key_pair() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS_MIN)


def _private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def _public_pem(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
