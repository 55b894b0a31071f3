"""The attributes of a client can be read at any time, and never be written."""

from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from emulator.wire.zcl import DataType
from harness.bench import Bench
from harness.covers import covers
from harness.dut.rungs import rungs

#: An attribute, its type, and a value that it does not have.
WRITES = (
    (Attribute.UPGRADE_SERVER_ID, DataType.EUI64, 0x1122334455667788),
    (Attribute.FILE_OFFSET, DataType.UINT32, 0x77),
    (Attribute.CURRENT_FILE_VERSION, DataType.UINT32, 0x7777),
    (Attribute.CURRENT_ZIGBEE_STACK_VERSION, DataType.UINT16, 0x77),
    (Attribute.DOWNLOADED_FILE_VERSION, DataType.UINT32, 0x7777),
    (Attribute.DOWNLOADED_ZIGBEE_STACK_VERSION, DataType.UINT16, 0x77),
    (Attribute.IMAGE_UPGRADE_STATUS, DataType.ENUM8, 3),
    (Attribute.MANUFACTURER_ID, DataType.UINT16, 0x7777),
    (Attribute.IMAGE_TYPE_ID, DataType.UINT16, 0x7777),
    (Attribute.MINIMUM_BLOCK_PERIOD, DataType.UINT16, 0x77),
    (Attribute.IMAGE_STAMP, DataType.UINT32, 0x7777),
    (Attribute.UPGRADE_ACTIVATION_POLICY, DataType.ENUM8, 1),
    (Attribute.UPGRADE_TIMEOUT_POLICY, DataType.ENUM8, 0),
)


@covers("OTA-C-002", "OTA-C-003", "OTA-C-005", "OTA-C-006")
def test_idle_attributes(bench: Bench) -> None:
    """A device with nothing to do has the attributes' default values.

    Attack: none.
    Expect: types and values of ZCL 11.10; optional ones are there or unsupported, never wrong.
    Source: ZCL rev 8, 11.10.1, 11.10.7, 11.10.9.
    """
    server, status = bench.read(Attribute.UPGRADE_SERVER_ID, Attribute.IMAGE_UPGRADE_STATUS)
    assert (server.type, status.type) == (DataType.EUI64, DataType.ENUM8)
    assert status.value == ImageUpgradeStatus.NORMAL
    assert bench.value(Attribute.IMAGE_TYPE_ID) in (0xFFFF, None)
    assert bench.value(Attribute.FILE_OFFSET) in (0xFFFFFFFF, None)
    assert bench.value(Attribute.DOWNLOADED_FILE_VERSION) in (0xFFFFFFFF, None)
    assert bench.value(Attribute.DOWNLOADED_ZIGBEE_STACK_VERSION) in (0xFFFF, None)

    # Control: after an upgrade the same attributes are back at these values, the version is not.
    assert bench.upgrade(bench.image()) == bench.version(1)
    assert bench.value(Attribute.IMAGE_TYPE_ID) in (0xFFFF, None)
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL


@covers("OTA-C-004")
def test_attributes_are_read_only(bench: Bench) -> None:
    """A device does not let anybody write its attributes.

    Attack: each attribute from 0x0000 to 0x000C is written.
    Expect: READ_ONLY (or unsupported); the values are as before; an upgrade still works.
    Source: ZCL rev 8, 11.10.
    """
    before = [bench.value(attribute) for attribute, _, _ in WRITES]
    written = [bench.write(*write) for write in WRITES]
    assert None not in written
    assert {record.status for one in written if one is not None for record in one.records} <= {
        Status.READ_ONLY,
        Status.UNSUPPORTED_ATTRIBUTE,
    }
    assert [bench.value(attribute) for attribute, _, _ in WRITES] == before
    assert bench.running_version() == bench.version(0)

    assert bench.upgrade(bench.image()) == bench.version(1)  # control


@rungs(end=0)
@covers("OTA-C-007")
def test_unknown_attribute_is_refused_properly(bench: Bench) -> None:
    """A device says that it does not have an attribute, and answers for the others.

    Attack: an attribute that the cluster does not have is read between two that it has.
    Expect: UNSUPPORTED_ATTRIBUTE for that one, values for the others.
    Source: ZCL rev 8, 2.5.2.
    """
    first, unknown, last = bench.read(
        Attribute.UPGRADE_SERVER_ID, 0x000D, Attribute.IMAGE_UPGRADE_STATUS
    )
    assert unknown.status == Status.UNSUPPORTED_ATTRIBUTE
    assert unknown.value is None

    assert (first.status, last.status) == (Status.SUCCESS, Status.SUCCESS)  # control
    assert first.value == bench.hub.eui64
