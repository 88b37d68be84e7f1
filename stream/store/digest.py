"""Content digest of a multiset of lines: the sum of their 128-bit hashes.

Independent of order, files and partitions, so a topic, a recording and a store can be compared, and the digest of a
whole is the sum of the digests of its parts.
"""

from collections.abc import Iterable

import xxhash

_MODULUS = 1 << 128


def digest(lines: Iterable[bytes]) -> int:
    """Sum of xxh3-128 of each raw line (without its newline) modulo 2**128; 0 for no lines."""
    return sum(map(xxhash.xxh3_128_intdigest, lines)) % _MODULUS


def combine(digests: Iterable[int]) -> int:
    """Digest of the whole from those of its parts."""
    return sum(digests) % _MODULUS


def to_hex(value: int) -> str:
    """32 hex digits, as in files and reports."""
    return f"{value % _MODULUS:032x}"
