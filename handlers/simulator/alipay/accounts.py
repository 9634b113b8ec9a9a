"""A fresh app on the simulated Alipay: both ends of one account, with new keys and certificates.

Nothing here is ever committed: each installation and each test run makes its own.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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

from schema.channels.alipay import AlipayAccount, AlipayPlatformAccount
from schema.channels.alipay.keys import RSA_BITS_MIN

SELLER_ID = "2088000000000001"
CERTIFIED_FOR = timedelta(days=5 * 365)

Accounts = tuple[AlipayAccount, AlipayPlatformAccount]


def generate_alipay_account(app_id: str, base_url: str, notify_url: str) -> Accounts:
    """Both ends of one new account in key mode; two RSA keys, so about 0.2 s of CPU."""
    app, platform = _key_pair(), _key_pair()
    ours = AlipayAccount(
        app_id=app_id,
        seller_id=SELLER_ID,
        base_url=base_url,
        notify_url=notify_url,
        app_private_key_pem=_private_pem(app),
        alipay_public_key_pem=_public_pem(platform),
    )
    theirs = AlipayPlatformAccount(
        app_id=app_id,
        seller_id=SELLER_ID,
        platform_private_key_pem=_private_pem(platform),
        app_public_key_pem=_public_pem(app),
        gateway_url=notify_url,
    )
    return ours, theirs


def generate_certified_account(app_id: str, base_url: str, notify_url: str) -> Accounts:
    """The same in certificate mode; one RSA key more, for the root."""
    app, platform, root = _key_pair(), _key_pair(), _key_pair()
    root_pem = _certificate("Tomato Simulator Root", root, "Tomato Simulator Root", root)
    app_pem = _certificate("Tomato Simulator Root", root, f"App {app_id}", app)
    platform_pem = _certificate("Tomato Simulator Root", root, "Simulated Alipay", platform)
    ours = AlipayAccount(
        app_id=app_id,
        seller_id=SELLER_ID,
        base_url=base_url,
        notify_url=notify_url,
        app_private_key_pem=_private_pem(app),
        app_certificate_pem=app_pem,
        alipay_certificates_pem=(platform_pem,),
        alipay_root_certificates_pem=root_pem,
    )
    theirs = AlipayPlatformAccount(
        app_id=app_id,
        seller_id=SELLER_ID,
        platform_private_key_pem=_private_pem(platform),
        app_certificate_pem=app_pem,
        platform_certificate_pem=platform_pem,
        platform_root_certificates_pem=root_pem,
        gateway_url=notify_url,
    )
    return ours, theirs


def _certificate(
    issuer: str, issuer_key: rsa.RSAPrivateKey, subject: str, key: rsa.RSAPrivateKey
) -> str:
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + CERTIFIED_FOR)
        .sign(issuer_key, SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def _name(common: str) -> x509.Name:
    """In the order of Alipay's own certificates."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tomato"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Simulator"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _key_pair() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS_MIN)


def _private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def _public_pem(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
