"""Declare the frames of ASH, the link between a host and its radio, and find them among octets.

A frame is a control octet, data and two octets of CRC, stuffed, with a flag at its end. The data of
a DATA frame are scrambled with a fixed sequence. Source: Silicon Labs UG101, protocol version 2.
"""

import re
from binascii import crc_hqx
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from operator import xor

from emulator.errors import WireError
from emulator.units import Octets
from emulator.wire.codec import value

FLAG, ESCAPE, XON, XOFF, SUBSTITUTE, CANCEL = 0x7E, 0x7D, 0x11, 0x13, 0x18, 0x1A
#: What means something by itself on the line, and is stuffed wherever it is data.
RESERVED = frozenset((FLAG, ESCAPE, XON, XOFF, SUBSTITUTE, CANCEL))
#: The protocol's version, in RSTACK and ERROR.
VERSION = 2
#: Frames are numbered modulo this.
NUMBERS = 8
#: The most that a DATA frame carries; zigbee-herdsman rejects longer ones.
MOST_DATA: Octets = 220

_FLIP = 0x20
_CRC_START = 0xFFFF
_CRC_SIZE: Octets = 2
#: Control, data, CRC, each octet stuffed: what is longer was never a frame.
_MOST_STUFFED: Octets = 2 * (1 + MOST_DATA + _CRC_SIZE)
_FLOW_CONTROL = bytes((XON, XOFF))
#: What is more than stuffed octets of a frame: something to do before, or too long.
_PECULIAR = re.compile(rb"[\x18\x1a]|^\xff|.{%d}" % (_MOST_STUFFED + 1), re.DOTALL)
#: Wakes a sleeping peer, and may stand between frames.
_WAKE = b"\xff"
#: The escape comes first: what replaces the others holds one.
_STUFFED = tuple(
    (bytes((octet,)), bytes((ESCAPE, octet ^ _FLIP)))
    for octet in (ESCAPE, *sorted(RESERVED - {ESCAPE}))
)


def _scramble() -> bytes:
    sequence, state = bytearray(), 0x42
    for _ in range(MOST_DATA):
        sequence.append(state)
        state = state >> 1 ^ (0xB8 if state & 1 else 0)
    return bytes(sequence)


_SCRAMBLE = _scramble()


class Kind(Enum):
    """Name the frames by the bits of the control octet that tell them; the rest are fields."""

    DATA = 0x00
    ACK = 0x80
    NAK = 0xA0
    RST = 0xC0
    RSTACK = 0xC1
    ERROR = 0xC2


@value
class AshFrame:
    """Be one frame, unstuffed and unscrambled.

    ``number`` and ``resent`` are of DATA, ``acknowledged`` of DATA, ACK and NAK (the number that
    the sender expects next), ``not_ready`` of ACK and NAK (no callbacks now), ``code`` of RSTACK
    and ERROR.
    """

    kind: Kind
    number: int = 0
    resent: bool = False
    acknowledged: int = 0
    not_ready: bool = False
    code: int = 0
    payload: bytes = b""

    def encode(self) -> bytes:
        """Return the octets for the line, stuffed, with the flag.

        Raises:
            ValueError: The payload is longer than a DATA frame carries.
        """
        if self.kind is Kind.DATA:
            return data_frame(self.number, self.payload, self.acknowledged, resent=self.resent)
        return seal(self._plain())

    def _plain(self) -> bytes:
        kind = self.kind
        if kind in (Kind.ACK, Kind.NAK):
            return bytes((kind.value | self.not_ready << 3 | self.acknowledged,))
        if kind is Kind.RST:
            return bytes((kind.value,))
        return bytes((kind.value, VERSION, self.code))


def data_frame(number: int, payload: bytes, acknowledged: int, *, resent: bool) -> bytes:
    """Return the octets of a DATA frame, as ``AshFrame.encode`` does."""
    if len(payload) > MOST_DATA:
        raise ValueError(f"ASH DATA: found {len(payload)} octets, wanted at most {MOST_DATA}")
    control = number << 4 | resent << 3 | acknowledged
    return seal(bytes((control, *map(xor, payload, _SCRAMBLE))))


def seal(plain: bytes) -> bytes:
    """Return control and data as they go out: with CRC, stuffed, with the flag."""
    octets = plain + bytes(divmod(crc_hqx(plain, _CRC_START), 0x100))
    for octet, stuffed in _STUFFED:
        octets = octets.replace(octet, stuffed)
    return octets + b"\x7e"


def decode(octets: bytes) -> AshFrame:
    """Return the frame that unstuffed octets make, CRC included.

    Raises:
        WireError: Too short or too long for its kind, a wrong CRC, or no kind that there is.
    """
    size = len(octets) - 1 - _CRC_SIZE
    if size < 0:
        raise WireError(f"ASH frame: found {len(octets)} octets, wanted at least {1 + _CRC_SIZE}")
    crc, found = crc_hqx(octets[:-_CRC_SIZE], _CRC_START), octets[-2] << 8 | octets[-1]
    if crc != found:
        raise WireError(f"ASH frame: found CRC 0x{found:04X}, wanted 0x{crc:04X}")
    control = octets[0]
    if control < Kind.ACK.value:
        if size > MOST_DATA:
            raise WireError(f"ASH DATA: found {size} octets, wanted at most {MOST_DATA}")
        return AshFrame(
            kind=Kind.DATA,
            number=control >> 4,
            resent=bool(control & 0x08),
            acknowledged=control & 0x07,
            payload=bytes(map(xor, octets[1:-_CRC_SIZE], _SCRAMBLE)),
        )
    return _decode_other(control, octets[1:-_CRC_SIZE])


def _decode_other(control: int, data: bytes) -> AshFrame:
    kind = _kind(control)
    wanted = 2 if kind in (Kind.RSTACK, Kind.ERROR) else 0
    if len(data) != wanted:
        raise WireError(f"ASH {kind.name}: found {len(data)} octets of data, wanted {wanted}")
    if wanted:
        if data[0] != VERSION:
            raise WireError(f"ASH {kind.name}: found version {data[0]}, wanted {VERSION}")
        return AshFrame(kind=kind, code=data[1])
    if kind is Kind.RST:
        return AshFrame(kind=kind)
    return AshFrame(kind=kind, acknowledged=control & 0x07, not_ready=bool(control & 0x08))


def _kind(control: int) -> Kind:
    for kind in (Kind.ACK, Kind.NAK):
        if control & 0xE0 == kind.value:
            return kind
    for kind in (Kind.RST, Kind.RSTACK, Kind.ERROR):
        if control == kind.value:
            return kind
    raise WireError(f"ASH frame: found control octet 0x{control:02X}, which is of no kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """Be what stood between two flags and is no frame; ``like_data`` asks to have it resent."""

    reason: str
    like_data: bool


class Deframer:
    """Cut frames out of octets that come in any pieces; keeps at most one frame's octets."""

    def __init__(self) -> None:
        self._part = bytearray()
        self._spoilt = False  # by a SUBSTITUTE octet, until the flag
        self._too_long = False

    def feed(self, octets: bytes) -> Iterator[AshFrame | Damaged]:
        """Yield what each flag ended, in order.

        Args:
            octets: What came, from one octet to any number.
        """
        *ended, rest = octets.translate(None, _FLOW_CONTROL).split(b"\x7e")
        for piece in ended:
            if self._part or self._spoilt or _PECULIAR.search(piece):
                self._keep(piece)
                if self._part or self._spoilt:
                    yield self._finish()
            elif piece:  # a whole frame and nothing else: so comes nearly everything
                yield _judge_short(piece) if len(piece) <= _SHORT else _judge(piece)
        if rest:
            self._keep(rest)

    @property
    def clean(self) -> bool:
        """Tell whether the last octet ended a frame, or there was none."""
        return not self._part and not self._spoilt

    def clear(self) -> None:
        """Forget the beginning of a frame."""
        self._part.clear()
        self._spoilt = self._too_long = False

    def _keep(self, piece: bytes) -> None:
        if CANCEL in piece:  # nothing since the last flag counts, damage neither
            self.clear()
            piece = piece[piece.rindex(CANCEL) + 1 :]
        if not self._part:
            piece = piece.lstrip(_WAKE)
        self._spoilt |= SUBSTITUTE in piece
        room = _MOST_STUFFED - len(self._part)
        self._too_long |= len(piece) > room
        self._part += piece[:room]

    def _finish(self) -> AshFrame | Damaged:
        stuffed, spoilt, too_long = bytes(self._part), self._spoilt, self._too_long
        self.clear()
        if spoilt:
            reason = "ASH frame: damaged on the line, says a SUBSTITUTE octet"
            return Damaged(reason=reason, like_data=_is_like_data(stuffed))
        if too_long:
            reason = f"ASH frame: over {_MOST_STUFFED} octets without a flag"
            return Damaged(reason=reason, like_data=_is_like_data(stuffed))
        return _judge_short(stuffed) if len(stuffed) <= _SHORT else _judge(stuffed)


def _judge(stuffed: bytes) -> AshFrame | Damaged:
    try:
        return decode(_unstuffed(stuffed))
    except WireError as error:
        return Damaged(reason=str(error), like_data=_is_like_data(stuffed))


#: Every second frame is one of sixteen acknowledgements.
_judge_short = lru_cache(maxsize=64)(_judge)
_SHORT: Octets = 4


def _is_like_data(stuffed: bytes) -> bool:
    return not stuffed or _first(stuffed) < Kind.ACK.value


def _first(stuffed: bytes) -> int:
    """Return the control octet."""
    return stuffed[1] ^ _FLIP if stuffed[0] == ESCAPE and len(stuffed) > 1 else stuffed[0]


def _unstuffed(stuffed: bytes) -> bytes:
    head, *escaped = stuffed.split(b"\x7d")
    if not escaped:
        return head
    octets = bytearray(head)
    for piece in escaped:
        if not piece or piece[0] ^ _FLIP not in RESERVED:
            raise WireError("ASH frame: an escape before an octet that needs none")
        octets.append(piece[0] ^ _FLIP)
        octets += piece[1:]
    return bytes(octets)


#: What each acknowledgement of a ready host looks like on the line, before the flag.
ACKNOWLEDGEMENTS = {
    AshFrame(kind=Kind.ACK, acknowledged=number).encode()[:-1]: number for number in range(NUMBERS)
}
