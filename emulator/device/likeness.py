"""Compare flash contents by what a bridge makes of them, for sweeps that merge like recoveries.

Everything counts, octet for octet, but for three things in the records of the two logs: the frame
counter's limit, the sequence number up to its distance from the newest, and the check value over
these where it is right.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from itertools import compress
from operator import is_not, ne
from zlib import crc32

from emulator.boot.record import RecordCheck, RecordHead
from emulator.device.nonvolatile import NonVolatile
from emulator.errors import WireError
from emulator.flash.area import Area
from emulator.flash.nor import Content
from emulator.units import Octets

_MAGIC = b"HnvR"


class Likeness:
    """Digest contents of one flash, page by page; a page that did not change costs next to nothing.

    Args:
        logs: The areas that hold records.
        page_octets: Size of the pages that contents are made of.
    """

    def __init__(self, logs: Sequence[Area], page_octets: Octets) -> None:
        self._logs = [
            (
                log.start // page_octets,
                log.end // page_octets,
                log.geometry.page_octets // page_octets,
            )
            for log in logs
        ]
        self._pages: tuple[bytes, ...] = ()
        self._masks: tuple[int, ...] = ()
        self._parts: list[bytes] = []
        self._of_logs: list[list[bytes]] = []

    def of(self, content: Content) -> bytes:
        """Return 16 octets that are equal for contents which differ in masked fields only."""
        changed = self._take(content.pages, content.masks)
        for number, (start, end, step) in enumerate(self._logs):
            if any(start <= index < end for index in changed):
                self._of_logs[number] = self._records(start, end, step)
        parts = self._parts.copy()
        for (start, end, _), records in zip(self._logs, self._of_logs, strict=True):
            parts[start:end] = records
        parts.append(repr(content[2:]).encode())  # what else a flash keeps
        return blake2b(b"".join(parts), digest_size=16).digest()

    def _take(self, pages: tuple[bytes, ...], masks: tuple[int, ...]) -> Collection[int]:
        """Remember another content, and return the numbers of the pages that differ."""
        everywhere = range(len(pages))
        changed: Collection[int] = everywhere
        if len(pages) == len(self._pages):
            changed = set(compress(everywhere, map(is_not, pages, self._pages)))
            changed.update(compress(everywhere, map(ne, masks, self._masks)))
        else:
            self._parts, self._of_logs = [b""] * len(pages), [[] for _ in self._logs]
        for index in changed:
            self._parts[index] = _plain(pages[index], masks[index])
        self._pages, self._masks = pages, masks
        return changed

    def _records(self, start: int, end: int, step: int) -> list[bytes]:
        """Return what stands for the pages of a log, so many at once that records are whole."""
        pages, masks = self._pages, self._masks
        found = [
            _records(b"".join(pages[at : at + step]), masks[at : at + step])
            for at in range(start, end, step)
        ]
        newest = max((sequence for _, them in found for sequence in them), default=0)
        made = []
        for digest, sequences in found:
            behind = ",".join(str(newest - one) for one in sequences)
            made.append(digest + behind.encode() + b";")
        made += [b""] * (end - start - len(made))
        return made


def newest_limit(pages: Sequence[bytes], step: int) -> int:
    """Return the frame counter's limit in the newest record of a log's pages, -1 without one.

    Args:
        pages: All of the log's.
        step: How many belong together: no record is in two such lots.
    """
    lots = (b"".join(pages[at : at + step]) for at in range(0, len(pages), step))
    found = [one for lot in lots for one in _limits(lot)]
    return max(found, default=(0, -1))[1]


@lru_cache(maxsize=8192)
def _plain(page: bytes, mask: int) -> bytes:
    return blake2b(b"%x:" % mask + page, digest_size=16).digest()


@lru_cache(maxsize=4096)
def _records(page: bytes, masks: tuple[int, ...]) -> tuple[bytes, tuple[int, ...]]:
    """Return a digest of a page without what is masked, and the sequence numbers in it."""
    sequences, kept, done = [], blake2b(repr(masks).encode(), digest_size=16), 0
    for at, head, after in _found(page):
        kept.update(page[done:at])
        kept.update(repr((at, head.layout, _masked(head.payload))).encode())
        sequences.append(head.sequence)
        done = after
    kept.update(page[done:])
    return kept.digest(), tuple(sequences)


@lru_cache(maxsize=4096)
def _limits(page: bytes) -> tuple[tuple[int, int], ...]:
    found = []
    for _, head, _ in _found(page):
        record = _memory(head.payload)
        if record is not None:
            found.append((head.sequence, record.counter_limit))
    return tuple(found)


def _found(page: bytes) -> list[tuple[Octets, RecordHead, Octets]]:
    """Return each valid record of a page: where it begins, its head, where it ends."""
    found, at = [], page.find(_MAGIC)
    while at >= 0:
        after = at + 1
        try:
            head, end = RecordHead.decode_at(page, at)
            check, behind = RecordCheck.decode_at(page, end)
        except WireError:
            pass
        else:
            if check.crc == crc32(page[at:end]):
                found.append((at, head, behind))
                after = behind
        at = page.find(_MAGIC, after)
    return found


def _memory(payload: bytes) -> NonVolatile | None:
    try:
        record, rest = NonVolatile.decode(payload)
    except WireError:
        return None
    return None if rest else record


def _masked(payload: bytes) -> bytes:
    record = _memory(payload)
    return payload if record is None else replace(record, counter_limit=0).encode()
