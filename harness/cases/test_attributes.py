"""The attributes of a client can be read at any time, and never be written."""

from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from emulator.wire.zcl import DataType
from harness.bench import FIRST_VERSION, NEXT_VERSION, Bench
from harness.covers import covers


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
    assert bench.upgrade(bench.image()) == NEXT_VERSION
    assert bench.value(Attribute.IMAGE_TYPE_ID) in (0xFFFF, None)
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL


@covers("OTA-C-004")
def test_attributes_are_read_only(bench: Bench) -> None:
    """A device does not let anybody write its attributes.

    Attack: the status and the running version are written.
    Expect: READ_ONLY (or unsupported); the values are as before; an upgrade still works.
    Source: ZCL rev 8, 11.10.
    """
    written = bench.write(Attribute.IMAGE_UPGRADE_STATUS, DataType.ENUM8, 3)
    assert written is not None
    assert written.records[0].status in (Status.READ_ONLY, Status.UNSUPPORTED_ATTRIBUTE)
    bench.write(Attribute.CURRENT_FILE_VERSION, DataType.UINT32, 0x7777)
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL
    assert bench.running_version() == FIRST_VERSION

    assert bench.upgrade(bench.image()) == NEXT_VERSION  # control


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
