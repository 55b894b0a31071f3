"""Write datagrams as a capture file that Wireshark and tshark open.

The file is pcapng with one interface of link type 230 (802.15.4 without frame check sequence) and
times in microseconds since virtual time 0, which readers show as 1970-01-01. The frames are not
secured (see ``emulator.wire.air``), so no key is needed to read them. A datagram too long for one
802.15.4 frame is shown whole, not in the fragments a radio would make of it.

The writer is our own: three blocks, declared like any other format. scapy's takes times as floating
point seconds, and would bring its licence and half a second of imports along for these forty lines.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Annotated

from emulator.units import Us
from emulator.wire.air import air_octets
from emulator.wire.aps import Datagram
from emulator.wire.codec import U16, U32, U64, Frame, Rest, frame, pack_integer

#: PAN id shown in every frame; datagrams do not say theirs.
PAN_ID = 0x1A62

_LINK_TYPE = 230  # IEEE802_15_4_NOFCS
_SECTION_HEADER, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_BYTE_ORDER = 0x1A2B3C4D
_UNKNOWN_LENGTH = 0xFFFF_FFFF_FFFF_FFFF


@frame
class SectionHeader(Frame):
    """Begin a pcapng file (draft-ietf-opsawg-pcapng, 4.1)."""

    byte_order: U32
    major: U16
    minor: U16
    section_length: U64


@frame
class InterfaceDescription(Frame):
    """Say what the packets are (4.2); without options, times are in microseconds."""

    link_type: U16
    reserved: U16
    longest_packet: U32  # 0: no limit


@frame
class EnhancedPacket(Frame):
    """Carry one packet (4.3)."""

    interface: U32
    time_high: U32
    time_low: U32
    captured_length: U32
    original_length: U32
    packet: Annotated[bytes, Rest()]


def write_capture(path: Path, frames: Iterable[tuple[Us, Datagram]]) -> int:
    """Write datagrams, in the order given, and return how many there were.

    Args:
        path: The file to write; an existing one is replaced.
        frames: Virtual time in microseconds and datagram, any number of them, read once.

    Raises:
        OSError: The file cannot be written.
        ValueError: A time is negative, or a datagram's value does not fit its field.
    """
    written = 0
    sequences: defaultdict[int, count[int]] = defaultdict(count)  # one for each source
    with path.open("wb") as file:
        file.write(_prologue())
        for time_us, datagram in frames:
            sequence = next(sequences[datagram.source]) & 0xFF
            octets = air_octets(datagram, PAN_ID, mac_sequence=sequence, nwk_sequence=sequence)
            file.write(_packet(time_us, octets))
            written += 1
    return written


def _prologue() -> bytes:
    section = SectionHeader(
        byte_order=_BYTE_ORDER, major=1, minor=0, section_length=_UNKNOWN_LENGTH
    )
    interface = InterfaceDescription(link_type=_LINK_TYPE, reserved=0, longest_packet=0)
    return _block(_SECTION_HEADER, section.encode()) + _block(_INTERFACE, interface.encode())


def _packet(time_us: Us, octets: bytes) -> bytes:
    packet = EnhancedPacket(
        interface=0,
        time_high=time_us >> 32,
        time_low=time_us & 0xFFFF_FFFF,
        captured_length=len(octets),
        original_length=len(octets),
        packet=octets,
    )
    return _block(_PACKET, packet.encode())


def _block(type: int, body: bytes) -> bytes:
    """Wrap the body of a block: type, length, body padded to a multiple of 4, length."""
    padded = body + bytes(-len(body) % 4)
    length = pack_integer(12 + len(padded), 4)
    return pack_integer(type, 4) + length + padded + length
