"""A fresh merchant of the simulated UnionPay: both ends of one account, with new keys.

Nothing here is ever committed: each installation and each test run makes its own.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from schema.channels.unionpay import UnionpayAccount, UnionpaySimulatorAccount
from schema.channels.unionpay.account import RSA_BITS_MIN


def generate_unionpay_account(
    ser_prov_id: str, mer_id: str, base_url: str, notify_url: str
) -> tuple[UnionpayAccount, UnionpaySimulatorAccount]:
    """Our end and the platform's end of one new account; two RSA keys, so about 0.2 s of CPU."""
    provider, platform = _key_pair(), _key_pair()
    ours = UnionpayAccount(
        ser_prov_id=ser_prov_id,
        mer_id=mer_id,
        base_url=base_url,
        notify_url=notify_url,
        private_key_pem=_private_pem(provider),
        platform_public_key=_public_pem(platform),
    )
    theirs = UnionpaySimulatorAccount(
        ser_prov_id=ser_prov_id,
        mer_id=mer_id,
        provider_public_key=_public_pem(provider),
        platform_private_key_pem=_private_pem(platform),
    )
    return ours, theirs


def _key_pair() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS_MIN)


def _private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def _public_pem(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
