"""The SDKs' own hashes, for millions of ids at once.

A strategy lets an id in when murmur3-32 of `group:id` falls within its rollout, and gives it a variant by the same
hash under another seed. The engine can be asked for one id at a time only; this says the same of a whole population
in a second, and a test holds the two to be equal.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from eastwind.flags.ladder import Rung
from eastwind.flags.model import WHOLE

ROLLOUT_SEED, VARIANT_SEED = 0, 86028157

Hashes = npt.NDArray[np.uint32]
Buckets = npt.NDArray[np.int64]
_C1, _C2, _C3 = np.uint32(0xCC9E2D51), np.uint32(0x1B873593), np.uint32(0xE6546B64)
_F1, _F2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)


def rollout(group: str, ids: Sequence[str]) -> Buckets:
    """For each id its percent, 1…100: it is in when the strategy's rollout is at least that."""
    return (murmur3(group, ids, ROLLOUT_SEED) % 100).astype(np.int64) + 1


def variant(group: str, ids: Sequence[str]) -> Buckets:
    """For each id its thousandth, 1…1000, in the order of the variants' weights."""
    return (murmur3(group, ids, VARIANT_SEED) % WHOLE).astype(np.int64) + 1


def on_ladder(flag: str, step: Rung, ids: Sequence[str]) -> npt.NDArray[np.bool_]:
    """For each id whether an experiment's flag is on for it at this step, named pilots apart."""
    return (variant(f"{flag}.ladder", ids) <= step.weight) & (rollout(flag, ids) <= step.rollout)


def first_step(flag: str, ids: Sequence[str]) -> Buckets:
    """For each id the smallest share at which it is in, in thousandths of a percent (1…100,000)."""
    weight, percent = variant(f"{flag}.ladder", ids), rollout(flag, ids)
    return np.where(weight == 1, percent, weight * 100)


def murmur3(group: str, ids: Sequence[str], seed: int) -> Hashes:
    """murmur3-32 of `group:id` in UTF-8 for each id. No id may end in a NUL."""
    texts = np.char.encode(np.asarray(ids, dtype=np.str_), "utf-8")
    lengths = np.char.str_len(texts)
    raw = texts.view(np.uint8).reshape(len(texts), texts.dtype.itemsize)
    head = np.frombuffer(f"{group}:".encode(), np.uint8)
    found = np.empty(len(texts), np.uint32)
    for length in np.unique(lengths):  # ids of one length lie in a rectangle
        which = lengths == length
        keys = np.empty((int(which.sum()), len(head) + length), np.uint8)
        keys[:, : len(head)] = head
        keys[:, len(head):] = raw[which, :length]
        found[which] = _murmur3(keys, seed)
    return found


def _murmur3(keys: npt.NDArray[np.uint8], seed: int) -> Hashes:
    number, length = keys.shape
    whole = length // 4 * 4
    hashed = np.full(number, seed, np.uint32)
    for word in np.ascontiguousarray(keys[:, :whole]).view("<u4").T:
        hashed ^= _scrambled(word.astype(np.uint32))
        hashed = _rotated(hashed, 13) * np.uint32(5) + _C3
    if length > whole:
        tail = np.zeros((number, 4), np.uint8)
        tail[:, : length - whole] = keys[:, whole:]
        hashed ^= _scrambled(tail.view("<u4")[:, 0].astype(np.uint32))
    return _finished(hashed ^ np.uint32(length))


def _scrambled(word: Hashes) -> Hashes:
    return _rotated(word * _C1, 15) * _C2


def _rotated(word: Hashes, bits: int) -> Hashes:
    turned: Any = (word << np.uint32(bits)) | (word >> np.uint32(32 - bits))
    return turned  # type: ignore[no-any-return]


def _finished(hashed: Hashes) -> Hashes:
    hashed = (hashed ^ (hashed >> np.uint32(16))) * _F1
    hashed = (hashed ^ (hashed >> np.uint32(13))) * _F2
    return hashed ^ (hashed >> np.uint32(16))
