"""The platform's certificates: asked for, opened with the API v3 key, and believed from then on.

The first answer is signed by a certificate that it brings itself. It is believed all the same, for
only the platform and the merchant know the key that the certificates are sealed with.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from schema.channels import HttpAnswer, HttpRequest, ProtocolError, Stamp
from schema.channels.reading import read
from schema.channels.wechat.asking import signed_request
from schema.channels.wechat.documents import CERTIFICATES, CertificateEntry
from schema.channels.wechat.keys import (
    PeerKey,
    Peers,
    WechatKeys,
    certificate_peer,
    plain_serial,
)
from schema.channels.wechat.signing import AEAD, signature_fault, unseal

CERTIFICATES_PATH = "/v3/certificates"


def certificates_request(keys: WechatKeys, stamp: Stamp) -> HttpRequest:
    """Asks for all certificates that are in use or soon will be."""
    return signed_request(keys, "GET", CERTIFICATES_PATH, b"", stamp)


def renewed(keys: WechatKeys, answer: HttpAnswer, now: datetime) -> WechatKeys | None:
    """The same keys with the platform's newest, or None where the answer can't be believed.

    Certificates that are still valid stay, although the platform no longer lists them: answers
    that they signed may be on their way.
    """
    if answer.status != 200:
        return None
    try:
        new = _opened(keys, answer.body)
    except ProtocolError:
        return None
    kept = {serial: peer for serial, peer in keys.peers.items() if peer.is_valid(now)}
    peers: Peers = {**kept, **new}
    if not new or signature_fault(peers, answer.headers, answer.body, now):
        return None
    return replace(keys, peers=peers)


def _opened(keys: WechatKeys, body: bytes) -> Mapping[str, PeerKey]:
    entries = read(CERTIFICATES, body).data
    peers = [_peer(keys, entry) for entry in entries]
    return {plain_serial(peer.serial): peer for peer in peers}


def _peer(keys: WechatKeys, entry: CertificateEntry) -> PeerKey:
    sealed = entry.encrypt_certificate
    if sealed.algorithm != AEAD:
        raise ProtocolError(f"a certificate is not sealed with {AEAD}")
    pem = unseal(
        keys.aead, sealed.ciphertext, nonce=sealed.nonce, associated=sealed.associated_data
    )
    try:
        peer = certificate_peer("certificate", pem.decode())
    except ValueError as error:  # not UTF-8 included
        raise ProtocolError(str(error)) from None
    if plain_serial(peer.serial) != plain_serial(entry.serial_no):
        raise ProtocolError("a certificate has another serial number than its entry")
    return peer
