"""How kernels are compiled: one set of options, one cache, typed for the callers.

Numba checks only a kernel's own file when it looks for a compiled copy, so a change in a function
that it calls would go unseen. The cache folder is therefore named after the contents of all
kernels, the versions and the processor: a copy that is found is always the right one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from quant.arrays import FloatArray, IntArray

F = TypeVar("F", bound=Callable[..., Any])
# Numba gives what it decorates another signature; in kernels they are called with numbers.
_builtin: Callable[[Callable[..., Any]], Any] = intrinsic

# `contract` lets a*b + c be one rounded operation, `nsz` ignores the sign of zero; nothing else
# of fast math, which would give up on infinities or reorder sums.
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz"},
}

VECTOR = types.Array(types.float64, 1, "C")
MATRIX = types.Array(types.float64, 2, "C")
BYTES = types.Array(types.uint8, 1, "C")
INTS = types.Array(types.int64, 1, "C")


def _fingerprint() -> str:
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.name.encode())
        found.update(path.read_bytes())
    found.update(f"{numba.__version__} {llvmlite.__version__} {np.__version__}".encode())
    found.update(llvmlite.binding.get_host_cpu_name().encode())
    return found.hexdigest()[:16]


def cache_folder() -> Path:
    """Return where compiled kernels are kept: beside the sources, else with the user's files.

    Never a folder that others can write to: what is found there is run.
    """
    name = f"kernels-{_fingerprint()}"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for base in (Path(__file__).parent / "__pycache__", home / "pulse"):
        folder = base / name
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    return Path(tempfile.mkdtemp(prefix=f"{name}-"))


setattr(numba.config, "CACHE_DIR", str(cache_folder()))  # noqa: B010 - its own names are not typed
# Four vectors at a time: the constants of a polynomial are loaded once for all four, and their
# chains of dependent steps overlap. LLVM's own guess is one, which takes almost twice as long.
llvmlite.binding.set_option("quant", "-force-vector-interleave=4")


def kernel(*signature: Any) -> Callable[[F], F]:
    """Compile a function of the given argument types that returns nothing, when it is defined."""
    compiler: Callable[[F], F] = numba.njit(types.void(*signature), cache=True, **_OPTIONS)
    return compiler


def summed(function: F) -> F:
    """Make a function like `inlined` whose sums may run in any order, and so in vectors.

    The order is that of the processor's vectors: the same on one machine, whatever the threads.
    """
    options = _OPTIONS | {"fastmath": {"contract", "nsz", "reassoc"}}
    made: F = numba.njit(forceinline=True, **options)(function)
    return made


def inlined(function: F) -> F:
    """Make a function that kernels call; it becomes part of them."""
    made: F = numba.njit(forceinline=True, **_OPTIONS)(function)
    return made


@inlined
def load(w: FloatArray, row: int, columns: IntArray, column: int, at: int, count: int) -> None:
    """Copy elements `at` to `at + count` of a column to a tile from `row` on.

    `columns` holds an address and a stride in bytes for each column (stride 0: one number for
    all): whatever the layout, Numba sees one array of integers, which it passes on in no time.
    """
    stride = columns[2 * column + 1]
    begin = columns[2 * column] + stride * at
    if stride == 8:
        copy_in(w, row, begin, count)
    else:
        for i in range(count):
            w[row + i] = number_at(begin + stride * i)


@inlined
def load_sides(
    w: FloatArray, row: int, columns: IntArray, column: int, at: int, count: int
) -> None:
    """Copy booleans of a column to a tile: +1 for true, -1 for false."""
    stride = columns[2 * column + 1]
    begin = columns[2 * column] + stride * at
    for i in range(count):
        w[row + i] = 2.0 * byte_at(begin + stride * i) - 1.0


@_builtin
def bits_of(_context: Any, _x: Any) -> Any:
    """Return the bits of a float64 as an int64."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), generate


@_builtin
def float_of(_context: Any, _bits: Any) -> Any:
    """Return the float64 that has the bits of an int64."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), generate


def _pointer(context: Any, builder: Any, signature: Any, args: Any, number: int) -> Any:
    """Return the address of an element: the array is argument `number`, its index the next."""
    array = context.make_array(signature.args[number])(context, builder, args[number])
    return builder.gep(array.data, [args[number + 1]])


@_builtin
def copy_in(_context: Any, _to: Any, _at: Any, _address: Any, _count: Any) -> Any:
    """Copy `count` numbers from a raw address to an array from `at` on."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target = _pointer(context, builder, signature, args, 0)
        source = builder.inttoptr(args[2], target.type)
        cgutils.raw_memcpy(builder, target, source, args[3], ir.Constant(ir.IntType(64), 8))
        return context.get_dummy_value()

    return types.void(_to, _at, _address, _count), generate


@_builtin
def number_at(_context: Any, _address: Any) -> Any:
    """Return the float64 at a raw address."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], ir.DoubleType().as_pointer())
        return builder.load(pointer, align=8)

    return types.float64(types.int64), generate


@_builtin
def byte_at(_context: Any, _address: Any) -> Any:
    """Return the byte at a raw address."""

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], ir.IntType(8).as_pointer()))

    return types.uint8(types.int64), generate


@_builtin
def copy_out(_context: Any, _address: Any, _source: Any, _at: Any, _count: Any) -> Any:
    """Copy `count` numbers of source from `at` on to a raw address."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source = _pointer(context, builder, signature, args, 1)
        target = builder.inttoptr(args[0], source.type)
        cgutils.raw_memcpy(builder, target, source, args[3], ir.Constant(ir.IntType(64), 8))
        return context.get_dummy_value()

    return types.void(_address, _source, _at, _count), generate


@_builtin
def stream_four(_context: Any, _address: Any, _source: Any, _at: Any) -> Any:
    """Copy four numbers of source from `at` on past the caches to a 32-byte aligned raw address.

    An ordinary store first reads the line that it overwrites; results too large for the caches
    are written a third faster this way. `drain` makes them visible to other threads.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        four = ir.VectorType(ir.DoubleType(), 4).as_pointer()
        source = builder.bitcast(_pointer(context, builder, signature, args, 1), four)
        value = builder.load(source, align=8)
        stored = builder.store(value, builder.inttoptr(args[0], four), align=32)
        stored.set_metadata("nontemporal", builder.module.add_metadata([ir.IntType(32)(1)]))
        return context.get_dummy_value()

    return types.void(_address, _source, _at), generate


@_builtin
def drain(_context: Any) -> Any:
    """Wait until what `stream_four` wrote can be seen by all."""

    def generate(context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate
