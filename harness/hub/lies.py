"""Let a hub lie: edits of what an honest hub encoded, of where it goes and of when.

A lie selects answers of one kind and changes them. Payload offsets begin behind the ZCL header. The
encoder stays strict: what goes wrong on the air goes wrong here, on purpose.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias, assert_never, get_args, get_type_hints

from emulator.units import Us
from emulator.wire.codec import Counted, Fixed, Frame, Listed, UInt, pack_integer
from emulator.wire.kinds import When
from emulator.wire.zcl import FrameControl
from harness.hub.drafts import Draft

# Edits of the payload.


@dataclass(frozen=True, slots=True)
class Overwrite:
    """Replace octets at an offset of the payload."""

    at: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """Keep only the first octets of the payload."""

    octets: int


@dataclass(frozen=True, slots=True)
class Append:
    """Add octets behind the payload."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Replace:
    """Send another payload."""

    octets: bytes


# Edits of the header.


@dataclass(frozen=True, slots=True)
class Control:
    """Set and clear bits of the ZCL frame control, ``emulator.wire.zcl.FrameControl``."""

    set: int = 0
    clear: int = 0


@dataclass(frozen=True, slots=True)
class OtherSequence:
    """Answer to another sequence number, of the ZCL header or of a ZDO frame."""

    by: int = 1


@dataclass(frozen=True, slots=True)
class OtherCommand:
    """Put another command id into the ZCL header."""

    number: int


@dataclass(frozen=True, slots=True)
class MakerCode:
    """Make the frame manufacturer-specific, with this code."""

    code: int


@dataclass(frozen=True, slots=True)
class Whole:
    """Send these octets in place of header and payload, however few."""

    octets: bytes


# Edits of the way and the time.


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Send it between other addresses, endpoints, profiles, clusters, or with other APS options.

    None keeps what is honest. Another ``source`` needs a node there to hear what the device says to
    it: ``Bench.stranger``.
    """

    source: int | None = None
    to: int | None = None
    own_endpoint: int | None = None
    endpoint: int | None = None
    profile: int | None = None
    cluster: int | None = None
    options: int | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """Send nothing at all."""


@dataclass(frozen=True, slots=True)
class Late:
    """Send it later."""

    by_us: Us


@dataclass(frozen=True, slots=True)
class Again:
    """Send it again: ``copies`` more of it, each ``gap_us`` after the one before."""

    copies: int = 1
    gap_us: Us = 0


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Send it behind the next ``by`` frames of the hub; if none follow, it is never sent."""

    by: int = 1


_OfPayload: TypeAlias = Overwrite | Cut | Append | Replace
_OfHeader: TypeAlias = Control | OtherSequence | OtherCommand | MakerCode | Whole
_OfWay: TypeAlias = Envelope | Silence | Late | Again | Overtaken
Edit: TypeAlias = _OfPayload | _OfHeader | _OfWay


@dataclass(slots=True)
class Lie:
    """Change some answers of one kind: those after ``skip`` honest ones, ``count`` of them.

    The kind may be any frame that a hub sends: a Default Response and a ZDO frame too.
    """

    command: type[Frame]
    edits: Sequence[Edit]
    skip: int = 0
    count: int | None = None
    seen: int = 0

    def tell(self, draft: Draft) -> Sequence[Draft]:
        """Return what to send for the next answer: it, another, several, or nothing."""
        number, self.seen = self.seen, self.seen + 1
        if not has_turn(number, self.skip, self.count):
            return (draft,)
        return edited(draft, self.edits)


def has_turn(number: int, skip: int, count: int | None) -> bool:
    """Tell whether the ``number``-th (from 0) is one of ``count`` after ``skip``; None: all."""
    return number >= skip and (count is None or number < skip + count)


def edited(draft: Draft, edits: Sequence[Edit]) -> Sequence[Draft]:
    """Return what some edits, one after the other, make of a draft."""
    drafts = [draft]
    for edit in edits:
        drafts = [made for one in drafts for made in _edited(one, edit)]
    return drafts


def _edited(draft: Draft, edit: Edit) -> Sequence[Draft]:
    match edit:
        case Overwrite() | Cut() | Append() | Replace():
            return (replace(draft, payload=_payload(draft.payload, edit)),)
        case Control() | OtherCommand() | MakerCode():
            return (replace(draft, header=_header(draft.header, edit)),)
        case Whole(octets=octets):
            return (replace(draft, header=b"", payload=octets),)
        case OtherSequence(by=by):
            return (_other_sequence(draft, by),)
        case Envelope():
            pairs = ((one.name, getattr(edit, one.name)) for one in fields(edit))
            return (replace(draft, **{name: new for name, new in pairs if new is not None}),)
        case Silence():
            return ()
        case Late(by_us=by_us):
            return (replace(draft, delay_us=draft.delay_us + by_us),)
        case Again(copies=copies, gap_us=gap_us):
            start = draft.delay_us
            return [replace(draft, delay_us=start + gap_us * n) for n in range(copies + 1)]
        case Overtaken(by=by):
            return (replace(draft, overtaken_by=by),)
        case _:
            assert_never(edit)


def _payload(payload: bytes, edit: _OfPayload) -> bytes:
    match edit:
        case Overwrite(at, octets):
            return payload[:at] + octets + payload[at + len(octets) :]
        case Cut(octets=size):
            return payload[:size]
        case Append(octets):
            return payload + octets
        case Replace(octets):
            return octets
        case _:
            assert_never(edit)


def _header(header: bytes, edit: Control | OtherCommand | MakerCode) -> bytes:
    """Edit a ZCL header: control, perhaps a manufacturer code, sequence, command."""
    if not header:
        raise ValueError("a ZDO frame has no ZCL header to edit")
    control, middle, command = header[0], header[1:-1], header[-1]
    match edit:
        case Control(set=to_set, clear=to_clear):
            control = (control | to_set) & ~to_clear & 0xFF
        case OtherCommand(number=number):
            command = number
        case MakerCode(code=code):
            control |= FrameControl.MANUFACTURER_SPECIFIC
            middle = pack_integer(code, 2) + middle[-1:]
        case _:
            assert_never(edit)
    return bytes((control,)) + middle + bytes((command,))


def _other_sequence(draft: Draft, by: int) -> Draft:
    if draft.header:
        at, octets = len(draft.header) - 2, draft.header
    else:
        at, octets = 0, draft.payload
    moved = octets[:at] + bytes(((octets[at] + by) & 0xFF,)) + octets[at + 1 :]
    return replace(draft, header=moved) if draft.header else replace(draft, payload=moved)


# Fields by name.


def field(command: type[Frame], name: str, value: int) -> Overwrite:
    """Return the edit that gives one field another value; of counted octets it changes the count.

    An optional field stands where it stands in a frame that has it.

    Raises:
        ValueError: No such field, or it has no fixed place: one of variable size, or one that may
            be missing in the same frame, stands before it.
    """
    declared = {one.name: one for one in fields(command)}  # type: ignore[arg-type]  # a dataclass
    hints = get_type_hints(command, include_extras=True)
    if name in declared:
        test = declared[name].metadata.get("when")
        at = 0
        for one in declared.values():
            kind = _kind(hints[one.name])
            if one.name == name and isinstance(kind, UInt | Counted | Listed):
                return Overwrite(at, _packed(value, kind))
            there = _there(one.metadata.get("when"), test)
            if there is None or (there and not isinstance(kind, UInt | Fixed)):
                break
            at += kind.size if there else 0
    raise ValueError(f"{command.__name__} has no integer field {name} at a fixed place")


def _there(earlier: When | None, wanted: When | None) -> bool | None:
    """Tell whether an earlier field is in each frame that has the wanted one; None: in some."""
    if earlier is None:
        return True
    if wanted is None or wanted.by != earlier.by:
        return None
    if wanted.equals is not None and earlier.equals is not None:
        return wanted.equals == earlier.equals
    if wanted.at_least is not None and earlier.at_least is not None:
        return wanted.at_least >= earlier.at_least or None
    return None


def _packed(value: int, kind: UInt | Counted | Listed) -> bytes:
    octets = pack_integer(value, kind.size)
    return octets[::-1] if isinstance(kind, UInt) and kind.big_endian else octets


def _kind(hint: Any) -> Any:  # noqa: ANN401 - an annotation; a mark of emulator.wire.kinds
    """Return the mark of a field's annotation, None if it has none."""
    for part in (hint, *get_args(hint)):
        for mark in getattr(part, "__metadata__", ()):
            return mark
    return None
