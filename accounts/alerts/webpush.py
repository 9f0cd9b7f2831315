"""Web push: encryption by RFC 8291 and 8188, and the platform's signature by RFC 8292."""

from __future__ import annotations

import base64
import os
import struct
import time
from typing import Final
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

RECORD: Final = 4096
MOST: Final = 3000
"""Bytes of a message; push services take 4,096 with what encryption adds."""
VALID_S: Final = 12 * 3600


def encrypt(
    plain: bytes,
    p256dh: str,
    auth: str,
    *,
    own: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """Return the body that only the browser of the subscription can read (RFC 8291, 3.4).

    `own` and `salt` are made anew for each message; only the test of the RFC's example gives them.
    """
    if len(plain) > MOST:
        raise ValueError(f"a push message has at most {MOST} bytes")
    theirs, secret = check_keys(p256dh, auth)
    own = own or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(16)
    ours = _point(own.public_key())
    info = b"WebPush: info\0" + _point(theirs) + ours
    key = _derive(own.exchange(ec.ECDH(), theirs), secret, info, 32)
    content_key = _derive(key, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(key, salt, b"Content-Encoding: nonce\0", 12)
    head = salt + struct.pack("!IB", RECORD, len(ours)) + ours
    # The octet 2 ends the last record (RFC 8188, 2).
    return head + AESGCM(content_key).encrypt(nonce, plain + b"\x02", None)


def check_keys(p256dh: str, auth: str) -> tuple[ec.EllipticCurvePublicKey, bytes]:
    """Return a subscription's public key and secret; raise ValueError unless both are well made."""
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(p256dh))
    secret = unb64(auth)
    if len(secret) != 16:
        raise ValueError("the secret of a subscription has 16 bytes")
    return theirs, secret


def vapid(key: ec.EllipticCurvePrivateKey, endpoint: str) -> str:
    """Return the Authorization header by which a push service knows the platform."""
    host = urlsplit(endpoint)
    claims = {
        "aud": f"{host.scheme}://{host.netloc}",
        "exp": int(time.time()) + VALID_S,
        "sub": f"mailto:{settings.DEFAULT_FROM_EMAIL.rpartition('<')[2].rstrip('>')}",
    }
    head = b64(orjson.dumps({"typ": "JWT", "alg": "ES256"}))
    signed = f"{head}.{b64(orjson.dumps(claims))}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    token = f"{signed}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
    return f"vapid t={token}, k={public_text(key)}"


def public_text(key: ec.EllipticCurvePrivateKey) -> str:
    """Return the public key as browsers and push services take it."""
    return b64(_point(key.public_key()))


def b64(raw: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Return the bytes of base64url, with or without padding; ValueError for anything else."""
    bare = text.rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)


def _derive(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(key)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
