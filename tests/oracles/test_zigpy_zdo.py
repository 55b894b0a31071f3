"""Compare every ZDO frame with zigpy's schema, octet for octet, both ways."""

from typing import Any

import pytest
import zigpy.types as t
from hypothesis import given
from hypothesis import strategies as st
from zigpy.zdo import types as zdo_types

from emulator.wire import zdo
from emulator.wire.codec import Frame
from emulator.wire.zdo import CLUSTERS, COMMANDS_BY_CLUSTER
from tests.strategies import Shape, cases, frames, shape_id

CASES = cases([*COMMANDS_BY_CLUSTER.values()])

#: Frames of ours that zigpy has no schema for: none.
UNKNOWN_TO_ZIGPY: set[str] = set()


def test_no_frame_escapes_the_comparison() -> None:
    unknown = {
        COMMANDS_BY_CLUSTER[cluster].__name__
        for cluster in COMMANDS_BY_CLUSTER.keys() - zdo_types.CLUSTERS.keys()
    }

    assert unknown == UNKNOWN_TO_ZIGPY
    assert sorted(COMMANDS_BY_CLUSTER) == [
        *(0x0000, 0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0006, 0x0013, 0x0034),
        *(0x8000, 0x8001, 0x8002, 0x8003, 0x8004, 0x8005, 0x8006, 0x8034),
    ]


def test_each_response_answers_a_request() -> None:
    for cluster, cls in COMMANDS_BY_CLUSTER.items():
        if cluster & zdo.RESPONSE:
            request = COMMANDS_BY_CLUSTER[cluster & ~zdo.RESPONSE]
            assert cls.__name__ == request.__name__.replace("Request", "Response")


@pytest.mark.parametrize(
    ("cls", "shape"), CASES, ids=[shape_id(cls, shape) for cls, shape in CASES]
)
@given(data=st.data())
def test_octets_are_those_of_zigpy(cls: type[Frame], shape: Shape, data: st.DataObject) -> None:
    descriptor = None
    frame = data.draw(frames(cls, shape))
    if isinstance(frame, zdo.SimpleDescriptorResponse) and frame.descriptor is not None:
        descriptor = data.draw(st.none() | frames(zdo.SimpleDescriptor))
        frame = _with_descriptor(frame, descriptor)
    names, types = zdo_types.CLUSTERS[CLUSTERS[cls]]

    header, body = zdo_types.ZDOHeader.deserialize(CLUSTERS[cls], frame.encode())
    read, rest = t.deserialize(body, types)
    assert rest == b""
    assert header.tsn == frame.sequence
    assert header.is_reply == bool(CLUSTERS[cls] & zdo.RESPONSE)

    theirs = {name: _plain(value) for name, value in zip(names, read, strict=True)}
    assert theirs == _ours(frame, descriptor)

    if not _forgets(frame):
        present = [
            (value, kind) for value, kind in zip(read, types, strict=True) if value is not None
        ]
        made = header.serialize() + t.serialize(*zip(*present, strict=True))
        assert made == frame.encode()
        assert cls.decode(made) == (frame, b"")


def test_an_error_may_leave_out_the_count_of_no_descriptor() -> None:
    """The count is always there by the text (2.4.4.1.5); zigpy, like us, reads both forms."""
    _, types = zdo_types.CLUSTERS[0x8004]
    short, whole = bytes.fromhex("83 3412"), bytes.fromhex("83 3412 00")

    for octets, descriptor in ((short, None), (whole, b"")):
        assert t.deserialize(octets, types) == ([zdo_types.Status.NOT_ACTIVE, 0x1234, None], b"")
        ours, rest = zdo.SimpleDescriptorResponse.decode(b"\x07" + octets)
        assert (ours.status, ours.address) == (zdo.ZdoStatus.NOT_ACTIVE, 0x1234)
        assert (ours.descriptor, rest) == (descriptor, b"")
        assert ours.encode() == b"\x07" + octets


def test_status_codes_are_those_of_zigpy() -> None:
    assert {int(one) for one in zdo.ZdoStatus} == {int(one) for one in zdo_types.Status}


def test_capabilities_are_those_of_zigpy() -> None:
    theirs = {int(one) for one in zdo_types.MACCapabilityFlags if one}

    assert {int(one) for one in zdo.Capability} == theirs


def _with_descriptor(frame: Any, descriptor: Any) -> Frame:  # noqa: ANN401
    made: Frame = type(frame)(
        sequence=frame.sequence,
        status=frame.status,
        address=frame.address,
        descriptor=b"" if descriptor is None else descriptor.encode(),
    )
    return made


def _forgets(frame: Any) -> bool:  # noqa: ANN401
    """Tell whether zigpy writes such a frame otherwise than it was when it read it."""
    # A count of 0 in front of no descriptor: see the test above.
    return isinstance(frame, zdo.SimpleDescriptorResponse) and frame.descriptor == b""


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return what zigpy read as plain values, its bit fields as the octets they make."""
    if isinstance(value, t.EUI64):
        return int(str(value).replace(":", ""), 16)
    if isinstance(value, t.Struct):
        return value.serialize()
    if isinstance(value, list):
        return [int(one) for one in value]
    return value if value is None else int(value)


def _address(frame: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"Status": frame.status, "IEEEAddr": frame.eui64, "NWKAddr": frame.address}


def _ours(frame: Any, descriptor: Frame | None) -> dict[str, Any]:  # noqa: ANN401
    """Return what a frame says, under zigpy's names."""
    match frame:
        case zdo.NwkAddressRequest():
            return {
                "IEEEAddr": frame.eui64,
                "RequestType": frame.request_type,
                "StartIndex": frame.start_index,
            }
        case zdo.IeeeAddressRequest():
            return {
                "NWKAddrOfInterest": frame.address,
                "RequestType": frame.request_type,
                "StartIndex": frame.start_index,
            }
        case zdo.NwkAddressResponse() | zdo.IeeeAddressResponse():
            nwk = isinstance(frame, zdo.NwkAddressResponse)
            return {
                **_address(frame),
                "NumAssocDev": frame.child_count,
                "StartIndex": frame.start_index,
                # zigpy reads no list as an empty one.
                f"{'NWKAddress' if nwk else 'NWKAddr'}AssocDevList": list(frame.children or ()),
            }
        case (
            zdo.NodeDescriptorRequest()
            | zdo.PowerDescriptorRequest()
            | zdo.ActiveEndpointsRequest()
        ):
            return {"NWKAddrOfInterest": frame.address}
        case zdo.PowerDescriptorResponse():
            found = None if frame.sources is None else bytes((frame.sources, frame.current))
            return {
                "Status": frame.status,
                "NWKAddrOfInterest": frame.address,
                "PowerDescriptor": found,
            }
        case zdo.NodeDescriptorResponse():
            found = None
            if frame.kind is not None:
                found = zdo_types.NodeDescriptor(
                    byte1=frame.kind,
                    byte2=frame.bands,
                    mac_capability_flags=frame.capability,
                    manufacturer_code=frame.manufacturer,
                    maximum_buffer_size=frame.maximum_buffer_size,
                    maximum_incoming_transfer_size=frame.maximum_incoming_size,
                    server_mask=frame.server_mask,
                    maximum_outgoing_transfer_size=frame.maximum_outgoing_size,
                    descriptor_capability_field=frame.descriptor_capability,
                ).serialize()
            return {
                "Status": frame.status,
                "NWKAddrOfInterest": frame.address,
                "NodeDescriptor": found,
            }
        case zdo.SimpleDescriptorRequest():
            return {"NWKAddrOfInterest": frame.address, "EndPoint": frame.endpoint}
        case zdo.SimpleDescriptorResponse():
            return {
                "Status": frame.status,
                "NWKAddrOfInterest": frame.address,
                "SimpleDescriptor": _simple(descriptor),
            }
        case zdo.ActiveEndpointsResponse() | zdo.MatchDescriptorResponse():
            active = isinstance(frame, zdo.ActiveEndpointsResponse)
            return {
                "Status": frame.status,
                "NWKAddrOfInterest": frame.address,
                "ActiveEPList" if active else "MatchList": list(frame.endpoints),
            }
        case zdo.MatchDescriptorRequest():
            return {
                "NWKAddrOfInterest": frame.address,
                "ProfileID": frame.profile,
                "InClusterList": list(frame.input_clusters),
                "OutClusterList": list(frame.output_clusters),
            }
        case zdo.DeviceAnnounce():
            return {
                "NWKAddr": frame.address,
                "IEEEAddr": frame.eui64,
                "Capability": frame.capability,
            }
        case zdo.LeaveRequest():
            return {"DeviceAddress": frame.eui64, "Options": frame.options}
        case zdo.LeaveResponse():
            return {"Status": frame.status}
    raise AssertionError(f"no comparison for {frame}")


def _simple(descriptor: Any) -> bytes | None:  # noqa: ANN401
    if descriptor is None:
        return None
    made: bytes = zdo_types.SizePrefixedSimpleDescriptor(
        endpoint=descriptor.endpoint,
        profile=descriptor.profile,
        device_type=descriptor.device,
        device_version=descriptor.device_version,
        input_clusters=descriptor.input_clusters,
        output_clusters=descriptor.output_clusters,
    ).serialize()
    return made
