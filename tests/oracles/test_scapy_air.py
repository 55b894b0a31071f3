"""Compare the MAC, NWK and APS frames of a datagram with scapy's, dissected and built."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.config import conf
from scapy.layers.dot15d4 import Dot15d4, Dot15d4Data
from scapy.layers.zigbee import ZigbeeAppDataPayload, ZigbeeClusterLibrary, ZigbeeNWK
from scapy.packet import NoPayload, Raw

from emulator.errors import TruncatedError
from emulator.wire.air import RADIUS, air_octets
from emulator.wire.aps import ApsOptions, Datagram
from emulator.wire.aps_frame import ApsControl, ApsData
from emulator.wire.mac import MacControl, MacData
from emulator.wire.nwk import NwkControl, NwkData

octet = st.integers(0, 0xFF)
word = st.integers(0, 0xFFFF)
eui64 = st.integers(0, (1 << 64) - 1)
datagrams = st.builds(
    Datagram,
    source=word,
    destination=word | st.integers(0xFFF8, 0xFFFF),
    source_endpoint=octet,
    destination_endpoint=octet,
    profile=word,
    cluster=word,
    payload=st.binary(max_size=100),
    options=st.integers(0, 3),
    aps_counter=octet,
)


@pytest.fixture(autouse=True, scope="module")
def _scapy_reads_zigbee() -> Iterator[None]:
    """Tell scapy that what 802.15.4 carries is ZigBee."""
    before = conf.dot15d4_protocol
    conf.dot15d4_protocol = "zigbee"
    yield
    conf.dot15d4_protocol = before


@given(datagram=datagrams, pan_id=word, mac_sequence=octet, nwk_sequence=octet)
def test_scapy_finds_the_datagram_in_its_frame(
    datagram: Datagram, pan_id: int, mac_sequence: int, nwk_sequence: int
) -> None:
    octets = air_octets(datagram, pan_id, mac_sequence, nwk_sequence)

    packet = Dot15d4(octets)
    mac, nwk, aps = packet[Dot15d4Data], packet[ZigbeeNWK], packet[ZigbeeAppDataPayload]

    assert (packet.fcf_frametype, packet.fcf_security, packet.fcf_panidcompress) == (1, 0, 1)
    assert packet.fcf_ackreq == (not datagram.broadcast)
    assert packet.seqnum == mac_sequence
    assert mac.dest_panid == pan_id
    assert mac.src_addr == datagram.source
    assert mac.dest_addr == (0xFFFF if datagram.broadcast else datagram.destination)

    assert (nwk.frametype, nwk.proto_version, int(nwk.flags)) == (0, 2, 0)
    assert nwk.discover_route == (0 if datagram.broadcast else 1)
    assert (nwk.source, nwk.destination) == (datagram.source, datagram.destination)
    assert (nwk.radius, nwk.seqnum) == (RADIUS, nwk_sequence)

    assert (aps.aps_frametype, aps.delivery_mode) == (0, 2 if datagram.broadcast else 0)
    wanted = "ack_req" if datagram.options & ApsOptions.ACKNOWLEDGE else ""
    assert str(aps.frame_control) == wanted
    assert (aps.dst_endpoint, aps.src_endpoint) == (
        datagram.destination_endpoint,
        datagram.source_endpoint,
    )
    assert (aps.cluster, aps.profile, aps.counter) == (
        datagram.cluster,
        datagram.profile,
        datagram.aps_counter,
    )
    assert _payload(aps) == datagram.payload


@given(datagram=datagrams, pan_id=word, mac_sequence=octet, nwk_sequence=octet)
def test_scapy_builds_the_same_octets(
    datagram: Datagram, pan_id: int, mac_sequence: int, nwk_sequence: int
) -> None:
    built = (
        Dot15d4(
            fcf_frametype=1,
            fcf_panidcompress=1,
            fcf_ackreq=not datagram.broadcast,
            fcf_srcaddrmode=2,
            fcf_destaddrmode=2,
            seqnum=mac_sequence,
        )
        / Dot15d4Data(
            dest_panid=pan_id,
            dest_addr=0xFFFF if datagram.broadcast else datagram.destination,
            src_addr=datagram.source,
        )
        / ZigbeeNWK(
            discover_route=0 if datagram.broadcast else 1,
            destination=datagram.destination,
            source=datagram.source,
            radius=RADIUS,
            seqnum=nwk_sequence,
        )
        / ZigbeeAppDataPayload(
            frame_control="ack_req" if datagram.options & ApsOptions.ACKNOWLEDGE else 0,
            delivery_mode=2 if datagram.broadcast else 0,
            dst_endpoint=datagram.destination_endpoint,
            cluster=datagram.cluster,
            profile=datagram.profile,
            src_endpoint=datagram.source_endpoint,
            counter=datagram.aps_counter,
        )
        / Raw(datagram.payload)
    )

    octets = bytes(built)
    assert octets == air_octets(datagram, pan_id, mac_sequence, nwk_sequence)

    mac, _ = MacData.decode(octets)
    nwk, _ = NwkData.decode(mac.payload)
    aps, _ = ApsData.decode(nwk.payload)
    assert isinstance(mac.control, MacControl)
    assert (mac.pan_id, mac.sequence, nwk.sequence) == (pan_id, mac_sequence, nwk_sequence)
    assert (aps.profile, aps.cluster, aps.payload) == (
        datagram.profile,
        datagram.cluster,
        datagram.payload,
    )
    assert bool(aps.control & ApsControl.BROADCAST) == datagram.broadcast


@given(
    source=st.none() | eui64,
    destination=st.none() | eui64,
    initiator=st.booleans(),
    payload=st.binary(max_size=20),
)
def test_scapy_finds_the_long_addresses_of_a_nwk_frame(
    source: int | None, destination: int | None, initiator: bool, payload: bytes
) -> None:
    control = NwkControl.DATA | NwkControl.PROTOCOL_PRO
    control |= NwkControl.SOURCE_EUI64 if source is not None else 0
    control |= NwkControl.DESTINATION_EUI64 if destination is not None else 0
    control |= NwkControl.END_DEVICE_INITIATOR if initiator else 0
    ours = NwkData(
        control=control,
        destination=1,
        source=2,
        radius=3,
        sequence=4,
        destination_eui64=destination,
        source_eui64=source,
        payload=payload,
    )

    theirs = ZigbeeNWK(ours.encode())

    assert (theirs.ext_src, theirs.ext_dst) == (source, destination)
    assert bool(theirs.flags.reserved1) == initiator  # scapy has no name for it
    assert _payload(theirs) == payload


def test_scapy_reads_the_zcl_header_behind_them() -> None:
    datagram = Datagram(
        source=0,
        destination=1,
        source_endpoint=1,
        destination_endpoint=1,
        profile=0x0109,
        cluster=0x0019,
        payload=bytes.fromhex("19 2a 05 97"),
    )

    header = Dot15d4(air_octets(datagram, 0x1A62, 0, 0))[ZigbeeClusterLibrary]

    assert (header.zcl_frametype, header.command_direction) == (1, 1)
    assert (header.transaction_sequence, header.command_identifier) == (0x2A, 0x05)


def test_a_control_of_another_layout_is_not_passed_off_as_ours() -> None:
    control_with_long_source = bytes.fromhex("61c8")

    frame, _ = MacData.decode(control_with_long_source + bytes(10))

    assert not isinstance(frame.control, MacControl)
    with pytest.raises(ValueError, match=r"MacData\.control: unknown value 51297"):
        frame.encode()
    with pytest.raises(TruncatedError, match="MacData: need 9 octets, have 8"):
        MacData.decode(bytes(8))


def _payload(layer: Any) -> bytes:  # noqa: ANN401
    return b"" if isinstance(layer.payload, NoPayload) else bytes(layer.payload.original)
