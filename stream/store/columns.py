"""Python and numpy values to Arrow arrays, from their bytes.

`pyarrow.array` does the same, but its first call loads pandas: a second of start-up and 50 MB in every process that
writes to the store, for nothing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_NUMPY = {"int32": np.int32, "int64": np.int64, "double": np.float64}

Texts = Sequence[str | None] | Sequence[bytes | None] | Sequence[str] | Sequence[bytes]


def numbers(values: npt.ArrayLike, kind: Any, known: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Array of integers or floats of Arrow type `kind`; NULL where `known` is False."""
    plain = np.ascontiguousarray(values, _NUMPY[str(kind)])
    return pa.Array.from_buffers(kind, len(plain), [_bits(known), pa.py_buffer(plain)])


def sparse(values: Sequence[float | None], kind: Any) -> pa.Array:
    """Array of numbers of which some are None."""
    known = np.fromiter((value is not None for value in values), np.bool_, len(values))
    return numbers([0 if value is None else value for value in values], kind, known)


def texts(values: Texts, kind: Any) -> pa.Array:
    """Array of strings or byte strings, None = NULL."""
    known = np.fromiter((value is not None for value in values), np.bool_, len(values))
    encoded = [value.encode() if isinstance(value, str) else value or b"" for value in values]
    buffers = [_bits(known), _offsets(encoded), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(kind, len(encoded), buffers)


def coded(values: Texts) -> pa.Array:
    """Array of strings by dictionary, None = NULL."""
    return texts(values, pa.string()).dictionary_encode()


def lists(values: Sequence[Sequence[Any] | None], kind: Any) -> pa.Array:
    """Array of lists of strings or numbers, None = NULL."""
    known = np.fromiter((value is not None for value in values), np.bool_, len(values))
    filled = [value or () for value in values]
    flat = [item for value in filled for item in value]
    inside = kind.value_type
    items = texts(flat, inside) if pa.types.is_string(inside) else numbers(flat, inside)
    return pa.Array.from_buffers(kind, len(filled), [_bits(known), _offsets(filled)], children=[items])


def same(found: Any, text: str) -> Any:
    """Where a column of strings, by dictionary or not, is `text`."""
    return pc.equal(found.cast(pa.string()), texts([text], pa.string())[0])


def column(values: Any, kind: Any) -> pa.Array:
    """Array of type `kind` from a sequence of Python values, None = NULL."""
    if pa.types.is_dictionary(kind):
        return coded(values)
    if pa.types.is_list(kind):
        return lists(values, kind)
    return texts(values, kind) if pa.types.is_string(kind) or pa.types.is_binary(kind) else sparse(values, kind)


def _offsets(values: Sequence[Any]) -> Any:
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    if offsets[-1] >= 2**31:
        raise ValueError(f"expected less than 2 GB of text in a batch, got {offsets[-1]} bytes; store smaller batches")
    return pa.py_buffer(offsets.astype(np.int32))


def _bits(known: npt.NDArray[np.bool_] | None) -> Any:
    if known is None or known.all():
        return None
    return pa.py_buffer(np.packbits(known, bitorder="little"))
