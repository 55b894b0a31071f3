"""Say what differs between two firmware files: fields, elements, manifest, ranges of octets."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields

from emulator.errors import WireError
from emulator.units import Octets
from emulator.wire.codec import Frame
from emulator.wire.manifest import ImageManifest, read_manifest
from emulator.wire.ota_file import OtaFile
from emulator.wire.ota_reader import read

#: Ranges that are told one by one; files of different code differ nearly everywhere.
MOST_RANGES = 32
#: Equal octets between two ranges below which they are told as one.
NEAR: Octets = 8
#: Octets of a value that are shown; the rest is told by their count.
MOST_SHOWN: Octets = 32
#: Octets that are compared at once before they are looked at one by one.
_BLOCK: Octets = 4096


@dataclass(frozen=True, slots=True)
class Change:
    """Be one thing that is not the same; None: that file has none."""

    what: str
    first: str | None
    second: str | None

    def __str__(self) -> str:
        return f"{self.what}: {_or_none(self.first)} -> {_or_none(self.second)}"


@dataclass(frozen=True, slots=True)
class Range:
    """Be a range of octets that differ, at the same offset in both files."""

    offset: Octets
    size: Octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Hold all that differs between two files.

    ``octets`` counts the offsets in both files that differ; ``more`` the ranges that are not told.
    """

    sizes: tuple[Octets, Octets]
    unreadable: tuple[str | None, str | None]
    header: tuple[Change, ...]
    elements: tuple[Change, ...]
    manifest: tuple[Change, ...]
    ranges: tuple[Range, ...]
    more: int
    octets: Octets

    @property
    def same(self) -> bool:
        """Tell whether the files are the same, octet for octet."""
        return not self.octets and self.sizes[0] == self.sizes[1]


def difference(first: bytes, second: bytes) -> Difference:
    """Return what differs between two files; one that cannot be read is compared as octets only."""
    readings = _read(first), _read(second)
    (one, _), (two, _) = readings
    told, more, octets = _ranges(first, second)
    return Difference(
        sizes=(len(first), len(second)),
        unreadable=(readings[0][1], readings[1][1]),
        header=() if one is None or two is None else tuple(_header(one, two)),
        elements=() if one is None or two is None else tuple(_elements(one, two)),
        manifest=() if one is None or two is None else tuple(_manifest(one, two)),
        ranges=told,
        more=more,
        octets=octets,
    )


def _read(data: bytes) -> tuple[OtaFile | None, str | None]:
    try:
        return read(data)[0], None
    except WireError as error:
        return None, str(error)


def _header(first: OtaFile, second: OtaFile) -> Iterator[Change]:
    if first.container is not second.container:
        yield Change("container", first.container.value, second.container.value)
    for name in ("wrapper", "remainder", "trailing"):
        yield from _octets(name, getattr(first, name), getattr(second, name))
    yield from _frames(first.header, second.header)


def _frames(first: Frame, second: Frame) -> Iterator[Change]:
    for field in fields(first):  # type: ignore[arg-type]  # every frame is a dataclass
        one, two = getattr(first, field.name), getattr(second, field.name)
        if one != two:
            yield Change(field.name.replace("_", " "), _shown(one), _shown(two))


def _elements(first: OtaFile, second: OtaFile) -> Iterator[Change]:
    """Compare elements of the same tag in their order, and a raw container's two parts."""
    ours, theirs = _parts(first), _parts(second)
    for name in [*ours, *(name for name in theirs if name not in ours)]:
        yield from _octets(name, ours.get(name), theirs.get(name))


def _parts(file: OtaFile) -> dict[str, bytes]:
    parts: dict[str, bytes] = {}
    seen: Counter[int] = Counter()
    for element in file.elements:
        seen[element.tag] += 1
        again = f" ({seen[element.tag]})" if seen[element.tag] > 1 else ""
        parts[f"tag {element.tag:#06x}{again}"] = element.info + element.data
    if file.body:
        parts["manufacturer image"] = file.body
    if file.signature is not None:
        parts["signature"] = file.signature
    return parts


def _octets(name: str, first: bytes | None, second: bytes | None) -> Iterator[Change]:
    if (first or b"") == (second or b"") and (first is None) == (second is None):
        return
    yield Change(name, _content(first), _content(second))


def _content(data: bytes | None) -> str | None:
    return None if data is None else f"{len(data)} octets {_hex(data)}".rstrip()


def _manifest(first: OtaFile, second: OtaFile) -> Iterator[Change]:
    one, two = _manifest_of(first), _manifest_of(second)
    if one is not None and two is not None:
        yield from _frames(one, two)
    elif one is not two:
        yield Change("manifest", "there" if one else None, "there" if two else None)


def _manifest_of(file: OtaFile) -> ImageManifest | None:
    try:
        return read_manifest(file.image or b"")[0]
    except WireError:
        return None


def _ranges(first: bytes, second: bytes) -> tuple[tuple[Range, ...], int, Octets]:
    """Return the ranges that differ, how many more there are, and the octets that differ."""
    told: list[Range] = []
    more, octets, start, end = 0, 0, -1, -1
    for at in _differing(first, second):
        octets += 1
        if start >= 0 and at - end <= NEAR:
            end = at + 1
            continue
        if start >= 0:
            told, more = _told(told, more, Range(start, end - start))
        start, end = at, at + 1
    if start >= 0:
        told, more = _told(told, more, Range(start, end - start))
    return tuple(told), more, octets


def _told(told: list[Range], more: int, found: Range) -> tuple[list[Range], int]:
    if len(told) < MOST_RANGES:
        told.append(found)
        return told, more
    return told, more + 1


def _differing(first: bytes, second: bytes) -> Iterator[Octets]:
    """Yield every offset in both files where they differ."""
    common = min(len(first), len(second))
    for block in range(0, common, _BLOCK):
        end = min(block + _BLOCK, common)
        ours, theirs = first[block:end], second[block:end]
        if ours != theirs:
            for index, (one, two) in enumerate(zip(ours, theirs, strict=True)):
                if one != two:
                    yield block + index


def _shown(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return _hex(value)
    return f"{int(value):#x}" if isinstance(value, int) else str(value)


def _hex(data: bytes) -> str:
    return data.hex() if len(data) <= MOST_SHOWN else f"{data[:MOST_SHOWN].hex()}..."


def _or_none(text: str | None) -> str:
    return "none" if text is None else text
