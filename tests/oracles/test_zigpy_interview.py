"""An interview as zigpy holds it: its octets go to a bridge, its schemas read every answer."""

from typing import Any

import pytest
import zigpy.types as t
from zigpy.zcl import foundation
from zigpy.zcl.clusters.general import Basic, PowerConfiguration
from zigpy.zdo import types as zdo_types

from emulator.actions import Battery
from emulator.profiles.load import names
from emulator.units import SECOND
from emulator.wire.aps import Datagram
from harness.bench import Bench
from tests.device.benches import bench

ZDO = zdo_types.ZDOCmd


def answer(made: Bench, payload: bytes, cluster: int, endpoint: int, profile: int) -> Datagram:
    """Send octets as a host does, and return the one datagram that comes back."""
    mark = sum(1 for _ in made.trace.datagrams())
    made.lane.send(
        Datagram(
            source=0,
            destination=made.address,
            source_endpoint=min(endpoint, 1),
            destination_endpoint=endpoint,
            profile=profile,
            cluster=cluster,
            payload=payload,
        )
    )
    made.wait(20 * SECOND)
    came = [one for _, who, one in list(made.trace.datagrams())[mark:] if who == "dut"]
    assert len(came) == 1
    return came[0]


def ask_zdo(made: Bench, command: int, *arguments: Any) -> list[Any]:  # noqa: ANN401
    """Send a ZDO request of zigpy's and return what zigpy reads of the response."""
    _, types = zdo_types.CLUSTERS[command]
    header = zdo_types.ZDOHeader(command, 9).serialize()
    came = answer(made, header + t.serialize(arguments, types), command, 0, 0)
    assert came.cluster == command | 0x8000
    read, body = zdo_types.ZDOHeader.deserialize(came.cluster, came.payload)
    assert read.tsn == 9
    _, types = zdo_types.CLUSTERS[came.cluster]
    values, rest = t.deserialize(body, types)
    assert rest == b""
    return list(values)


def ask_zcl(
    made: Bench,
    command: int,
    cluster: int = Basic.cluster_id,
    **fields: Any,  # noqa: ANN401
) -> tuple[Any, Any]:
    """Send a general command to a cluster that is served; return header and frame of the answer."""
    schema = foundation.GENERAL_COMMANDS[command].schema
    header = foundation.ZCLHeader.general(
        tsn=9, command_id=command, direction=foundation.Direction.Client_to_Server
    )
    octets = header.serialize() + schema(**fields).serialize()
    came = answer(made, octets, cluster, made.profile.ota.endpoint, 0x0104)
    read, body = foundation.ZCLHeader.deserialize(came.payload)
    assert (read.tsn, read.direction) == (9, foundation.Direction.Server_to_Client)
    frame, rest = foundation.GENERAL_COMMANDS[read.command_id].schema.deserialize(body)
    assert rest == b""
    return read, frame


@pytest.mark.parametrize("name", names())
def test_descriptors_are_those_that_zigpy_asks_for(name: str) -> None:
    made = bench(name)
    address, endpoint = made.address, made.profile.ota.endpoint
    sleepy, mains = made.profile.sleep is not None, made.profile.power == "mains"
    status, nwk, node = ask_zdo(made, ZDO.Node_Desc_req, t.NWK(address))
    assert (status, nwk) == (0, address)
    kind = zdo_types.LogicalType.EndDevice if sleepy else zdo_types.LogicalType.Router
    assert node.logical_type is kind
    assert node.is_mains_powered is mains
    assert node.is_receiver_on_when_idle is not sleepy
    assert node.manufacturer_code == made.profile.ota.manufacturer_code
    assert node.is_valid

    status, nwk, power = ask_zdo(made, ZDO.Power_Desc_req, t.NWK(address))
    assert (status, nwk) == (0, address)
    sources = zdo_types.PowerDescriptor.PowerSources
    source = sources.MainsPower if mains else sources.DisposableBattery
    assert (power.available_power_sources, power.current_power_source) == (source, source)
    assert power.current_power_source_level == power.PowerSourceLevel.Percent100

    assert ask_zdo(made, ZDO.Active_EP_req, t.NWK(address)) == [0, address, [endpoint]]
    status, nwk, simple = ask_zdo(made, ZDO.Simple_Desc_req, t.NWK(address), t.uint8_t(endpoint))
    assert (status, nwk, simple.endpoint) == (0, address, endpoint)
    assert (simple.profile, simple.device_type) == (
        made.profile.ota.zigbee_profile,
        made.profile.ota.device_id,
    )
    served = [0x0000] if mains else [0x0000, PowerConfiguration.cluster_id]
    assert (simple.input_clusters, simple.output_clusters) == (served, [0x0019])


def test_addresses_are_found_both_ways() -> None:
    made = bench()
    eui64 = t.EUI64.deserialize(made.identity.eui64.to_bytes(8, "little"))[0]
    found = ask_zdo(made, ZDO.IEEE_addr_req, t.NWK(made.address), t.uint8_t(0), t.uint8_t(0))
    assert found[:3] == [0, eui64, made.address]
    found = ask_zdo(made, ZDO.NWK_addr_req, eui64, t.uint8_t(0), t.uint8_t(0))
    assert found[:3] == [0, eui64, made.address]


def management() -> list[tuple[int, tuple[Any, ...]]]:
    """Return the requests of zigpy's topology scan, and what else hosts send to every device."""
    target = zdo_types.MultiAddress(addrmode=3, ieee=t.EUI64.convert("00:" * 7 + "01"), endpoint=1)
    source = t.EUI64.convert("00:" * 7 + "02")
    bind = (source, t.uint8_t(1), t.uint16_t(0x0019), target)
    update = zdo_types.NwkUpdate(
        ScanChannels=t.Channels.ALL_CHANNELS, ScanDuration=0x02, ScanCount=1
    )
    return [
        (ZDO.Mgmt_Lqi_req, (t.uint8_t(0),)),
        (ZDO.Mgmt_Rtg_req, (t.uint8_t(0),)),
        (ZDO.Mgmt_Bind_req, (t.uint8_t(0),)),
        (ZDO.Mgmt_Permit_Joining_req, (t.uint8_t(60), t.uint8_t(0))),
        (ZDO.Mgmt_NWK_Update_req, (update,)),
        (ZDO.Bind_req, bind),
        (ZDO.Unbind_req, bind),
    ]


@pytest.mark.parametrize(("command", "arguments"), management())
def test_what_a_bridge_leaves_out_is_read_as_a_refusal(
    command: int, arguments: tuple[Any, ...]
) -> None:
    assert ask_zdo(bench(), command, *arguments)[0] == zdo_types.Status.NOT_SUPPORTED


@pytest.mark.parametrize("name", names())
def test_every_attribute_has_the_type_that_zigpy_knows(name: str) -> None:
    made = bench(name)
    _, found = ask_zcl(made, foundation.GeneralCommand.Discover_Attributes,
        start_attribute_id=0, max_attribute_ids=255)  # fmt: skip
    ids = [one.attrid for one in found.attribute_info]
    assert set(range(8)) | {0x4000, 0xFFFD} == set(ids)
    _, read = ask_zcl(made, foundation.GeneralCommand.Read_Attributes, attribute_ids=ids)
    for record in read.status_records:
        known = Basic.attributes[record.attrid]
        assert record.status is foundation.Status.SUCCESS
        assert record.value.type == known.zcl_type
    values = {Basic.attributes[one.attrid].name: one.value.value for one in read.status_records}
    assert values["manufacturer"] == "Hanover"
    assert values["model"] == name
    assert values["sw_build_id"] == "0x01000000"
    assert values["power_source"] == (1 if made.profile.power == "mains" else 3)


def test_the_charge_is_what_zigpy_reads_as_battery_percentage() -> None:
    """zigpy's hosts halve the value: 200 is a full battery."""
    made = bench("B4")
    made.lane.event(Battery(percent=42))
    cluster = PowerConfiguration.cluster_id
    _, found = ask_zcl(made, foundation.GeneralCommand.Discover_Attributes, cluster,
        start_attribute_id=0, max_attribute_ids=255)  # fmt: skip
    ids = [one.attrid for one in found.attribute_info]
    _, read = ask_zcl(made, foundation.GeneralCommand.Read_Attributes, cluster, attribute_ids=ids)
    known = [PowerConfiguration.attributes[one.attrid] for one in read.status_records]
    assert [one.name for one in known] == ["battery_percentage_remaining", "cluster_revision"]
    assert [one.value.type for one in read.status_records] == [one.zcl_type for one in known]
    assert [one.value.value for one in read.status_records] == [84, 2]


def test_what_is_not_there_is_read_as_such() -> None:
    made = bench()
    _, read = ask_zcl(made, foundation.GeneralCommand.Read_Attributes, attribute_ids=[4, 0x0011, 5])
    unsupported, fine = foundation.Status.UNSUPPORTED_ATTRIBUTE, foundation.Status.SUCCESS
    assert [one.status for one in read.status_records] == [fine, unsupported, fine]


def test_reporting_is_refused_with_a_default_response() -> None:
    config = foundation.AttributeReportingConfig()
    config.direction = foundation.ReportingDirection.SendReports
    config.attrid, config.datatype = 7, 0x30
    config.min_interval, config.max_interval, config.reportable_change = 0, 60, 1
    header, frame = ask_zcl(
        bench(),
        foundation.GeneralCommand.Configure_Reporting,
        config_records=[config],
    )
    assert header.command_id == foundation.GeneralCommand.Default_Response
    assert frame.command_id == foundation.GeneralCommand.Configure_Reporting
    assert frame.status is foundation.Status.UNSUP_GENERAL_COMMAND
