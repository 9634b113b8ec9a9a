"""A fresh merchant of the simulated WeChat Pay: both ends of one account, with new keys.

Nothing here is ever committed: each installation and each test run makes its own.
"""

from __future__ import annotations

import secrets
import string

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from schema.channels.wechat import SimulatorAccount, WechatAccount
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


def _key_pair() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS_MIN)


def _private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def _public_pem(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
