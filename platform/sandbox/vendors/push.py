"""A push service and the browser behind it: checks the sender's signature, opens the message."""

from __future__ import annotations

import base64
import struct
import time
from urllib.parse import urlsplit

import orjson
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox.server import Received, Reply, StandIn

_SECRET = bytes(range(16))


class Push(StandIn):
    """One subscription, whose browser keeps what it could read in `opened`."""

    hosts = ("push.example.com",)
    expired = False

    def __init__(self, *args: object) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.opened: list[dict[str, str]] = []
        super().__init__(*args)  # type: ignore[arg-type]

    def subscription(self) -> dict[str, str]:
        """Return the subscription as a browser gives it to its page."""
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {
            "endpoint": f"https://{self.hosts[0]}/send/AbCdEf0123456789",
            "p256dh": _b64(point),
            "auth": _b64(_SECRET),
        }

    def answer(self, request: Received) -> Reply:
        """Answer 201 to what is signed and readable; 403, 400 and 410 as push services do."""
        if self.expired:
            return Reply(410)
        if "ttl" not in request.headers or request.headers.get("content-encoding") != "aes128gcm":
            return Reply(400)
        if not _known(request.headers.get("authorization", ""), f"https://{self.hosts[0]}"):
            return Reply(403)
        try:
            self.opened.append(orjson.loads(_opened(request.body, self._key)))
        except (InvalidTag, ValueError, IndexError):
            return Reply(400)
        return Reply(201, headers={"Location": "/message/1"})


def _known(header: str, audience: str) -> bool:
    """Return whether a VAPID header (RFC 8292) is signed for this service and still valid."""
    try:
        scheme, _, rest = header.partition(" ")
        given = dict(item.strip().split("=", 1) for item in rest.split(","))
        head, claims, signature = given["t"].split(".")
        raw, told = _unb64(signature), orjson.loads(_unb64(claims))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _unb64(given["k"]))
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        key.verify(
            encode_dss_signature(r, s), f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256())
        )
    except (ValueError, KeyError, InvalidSignature):
        return False
    valid = time.time() < told["exp"] <= time.time() + 86_400
    return scheme == "vapid" and told["aud"] == audience and valid and _reachable(told["sub"])


def _reachable(subject: str) -> bool:
    return urlsplit(subject).scheme in ("mailto", "https")


def _opened(body: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the text of a message (RFC 8188 and 8291), as a browser reads it."""
    salt, (size, length) = body[:16], struct.unpack("!IB", body[16:21])
    sender = body[21 : 21 + length]
    sealed = body[21 + length :]
    if len(sealed) > size:
        raise ValueError("more than one record")
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    own = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = key.exchange(ec.ECDH(), theirs)
    first = HKDF(hashes.SHA256(), 32, _SECRET, b"WebPush: info\0" + own + sender).derive(shared)
    content = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(first)
    nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(first)
    plain = AESGCM(content).decrypt(nonce, sealed, None).rstrip(b"\0")
    if not plain.endswith(b"\x02"):
        raise ValueError("the record has no end")
    return plain[:-1]


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
