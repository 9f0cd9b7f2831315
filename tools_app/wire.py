"""Messages between a worker and the process of a third party's tool.

A message is two lengths, a head of JSON and a body of float64 numbers, little-endian. Nothing in it
is executed when it is read, and neither side believes a length beyond what it expects.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from market.frames import FloatArray

Head = dict[str, Any]
_LENGTHS: Final = struct.Struct(">IQ")
_CHUNK: Final = 1 << 18
MOST_HEAD: Final = 1 << 20
NUMBER: Final = np.dtype("<f8")


class MessageError(ValueError):
    """What came is no message, or a larger one than is expected."""


def send(link: socket.socket, head: Head, arrays: Sequence[FloatArray], until: float) -> None:
    """Send a message before a moment of the monotonic clock, else raise TimeoutError."""
    told = json.dumps(head).encode()
    parts = [np.ascontiguousarray(array, dtype=NUMBER).tobytes() for array in arrays]
    body = b"".join(parts)
    _wait(link, until)
    link.sendall(_LENGTHS.pack(len(told), len(body)) + told + body)


def receive(link: socket.socket, most: int, until: float) -> tuple[Head, bytes]:
    """Return a message's head and body, the body of at most so many bytes.

    Raises
    ------
    EOFError
        When the other side is gone.
    TimeoutError
        When it did not come whole before `until`.
    MessageError
        When it is none.
    """
    head_length, body_length = _LENGTHS.unpack(_exactly(link, _LENGTHS.size, until))
    if head_length > MOST_HEAD or body_length > most:
        raise MessageError(f"a message of {head_length} and {body_length} bytes")
    try:
        head = json.loads(_exactly(link, head_length, until))
    except (ValueError, RecursionError) as error:
        raise MessageError("its head is no JSON") from error
    if not isinstance(head, dict):
        raise MessageError("its head is no JSON object")
    return head, _exactly(link, body_length, until)


def split(body: bytes, shape: tuple[int, ...], count: int) -> list[FloatArray]:
    """Return the read-only arrays of one shape that a body consists of."""
    size = int(np.prod(shape, dtype=np.int64))
    if len(body) != count * size * NUMBER.itemsize:
        raise MessageError(f"{len(body)} bytes for {count} arrays of shape {shape}")
    whole = np.frombuffer(body, dtype=NUMBER).astype(np.float64, copy=False)
    return [whole[size * i : size * (i + 1)].reshape(shape) for i in range(count)]


def _exactly(link: socket.socket, length: int, until: float) -> bytes:
    found = bytearray()
    while len(found) < length:
        _wait(link, until)
        piece = link.recv(min(_CHUNK, length - len(found)))
        if not piece:
            raise EOFError("the other side is gone")
        found += piece
    return bytes(found)


def _wait(link: socket.socket, until: float) -> None:
    left = until - time.monotonic()
    if left <= 0.0:
        raise TimeoutError
    link.settimeout(None if left == np.inf else left)
