"""What a host configures, it reads back; what it may not, it is told."""

from typing import Any

import pytest

from emulator.ncp.commands import VERSIONS
from emulator.ncp.settings import _CONFIGURATION, _POLICIES, _VALUES, Config, Policy, Settings
from emulator.ncp.statuses import Status
from tests.ncp.desk import Desk

every_version = pytest.mark.parametrize("version", VERSIONS)


def code(status: Status, version: int) -> int:
    """Return the number of a status of the serial protocol."""
    return status.ezsp if version < 14 else status.sl


@every_version
def test_a_configuration_value_is_read_back(version: int) -> None:
    desk = Desk(version)
    for key, limits in _CONFIGURATION.items():
        assert desk.ask("getConfigurationValue", config_id=key) == {
            "status": 0,
            "value": limits.start,
        }
        for number in (limits.least, limits.most):
            assert desk.ask("setConfigurationValue", config_id=key, value=number) == {"status": 0}
            assert desk.ask("getConfigurationValue", config_id=key)["value"] == number


@every_version
def test_a_configuration_value_out_of_range_is_refused(version: int) -> None:
    desk = Desk(version)
    refused = {"status": code(Status.INVALID_PARAMETER, version)}
    assert desk.ask("setConfigurationValue", config_id=0x1E, value=128) == refused
    assert desk.ask("setConfigurationValue", config_id=0x2D, value=0) == refused
    assert desk.stick.settings.config(Config.KEY_TABLE_SIZE) == 4


@every_version
def test_what_is_no_configuration_id_is_refused(version: int) -> None:
    desk = Desk(version)
    wanted = code(Status.INVALID_ID, version)
    assert wanted == (0x37 if version == 13 else 0x21)
    for key in (0x00, 0x0B, 0x31, 0x43, 0xFF):
        assert desk.ask("getConfigurationValue", config_id=key) == {"status": wanted, "value": 0}
        assert desk.ask("setConfigurationValue", config_id=key, value=1) == {"status": wanted}


def test_hosts_settings_are_taken() -> None:
    """What bellows and zigbee-herdsman set at their start."""
    desk = Desk()
    for key, number in {
        **{0x1A: 200, 0x13: 8, 0x38: 90, 0x12: 7680, 0x0C: 2, 0x2D: 1, 0x06: 16, 0x19: 2},
        **{0x0D: 5, 0x05: 16, 0x22: 2, 0x1E: 4, 0x11: 32, 0x2A: 3, 0x01: 255, 0x10: 30, 0x36: 300},
    }.items():
        assert desk.ask("setConfigurationValue", config_id=key, value=number) == {"status": 0}
        assert desk.ask("getConfigurationValue", config_id=key)["value"] == number


@every_version
def test_a_policy_is_read_back(version: int) -> None:
    desk = Desk(version)
    for key, (start, decisions) in _POLICIES.items():
        assert desk.ask("getPolicy", policy=key) == {"status": 0, "decision": start}
        for decision in (decisions[0], decisions[-1]):
            assert desk.ask("setPolicy", policy=key, decision=decision) == {"status": 0}
            assert desk.ask("getPolicy", policy=key)["decision"] == decision


@every_version
def test_a_decision_of_another_policy_is_refused(version: int) -> None:
    desk = Desk(version)
    wrong = {"status": code(Status.INVALID_PARAMETER, version)}
    assert desk.ask("setPolicy", policy=Policy.MESSAGE_CONTENTS, decision=0x51) == wrong
    assert desk.ask("setPolicy", policy=Policy.TC_KEY_REQUEST, decision=0x41) == wrong
    unknown = code(Status.INVALID_ID, version)
    assert desk.ask("setPolicy", policy=0x0D, decision=0) == {"status": unknown}
    assert desk.ask("getPolicy", policy=0x0D) == {"status": unknown, "decision": 0}


@every_version
def test_a_value_is_read_back(version: int) -> None:
    desk = Desk(version)
    for key, octets in _VALUES.items():
        assert desk.ask("getValue", value_id=key) == {"status": 0, "value": octets}
        new = bytes(octet ^ 0xFF for octet in octets)
        assert desk.ask("setValue", value_id=key, value=new) == {"status": 0}
        assert desk.ask("getValue", value_id=key)["value"] == new
        wrong = desk.ask("setValue", value_id=key, value=octets + b"\x00")
        assert wrong == {"status": code(Status.INVALID_PARAMETER, version)}
        assert desk.ask("getValue", value_id=key)["value"] == new


@every_version
def test_a_value_that_is_none_is_refused(version: int) -> None:
    desk = Desk(version)
    unknown = code(Status.INVALID_ID, version)
    assert desk.ask("getValue", value_id=0x99) == {"status": unknown, "value": b""}
    assert desk.ask("setValue", value_id=0x99, value=b"\x01") == {"status": unknown}


@pytest.mark.parametrize("key", [0x03, 0x05, 0x0B, 0x11, 0x44])
def test_a_fact_is_not_written(key: int) -> None:
    desk = Desk()
    before = desk.ask("getValue", value_id=key)
    assert before["status"] == 0
    assert desk.ask("setValue", value_id=key, value=before["value"]) == {"status": 0x38}


@pytest.mark.parametrize(
    ("version", "stack", "octets"),
    [
        (13, 0x7430, "000007040300aa"),
        (14, 0x8030, "000008000300aa"),
        (19, 0x9100, "000009010000aa"),
    ],
)
def test_the_version_is_one_in_both_places(version: int, stack: int, octets: str) -> None:
    desk = Desk(version)
    assert desk.ask("getValue", value_id=0x11)["value"].hex() == octets
    assert desk.ask("version", desired_version=4)["stack_version"] == stack


def test_every_version_is_released() -> None:
    assert len({Settings(version).stack_version for version in VERSIONS}) == len(VERSIONS)


def test_the_address_is_known_on_a_network_only() -> None:
    desk = Desk()
    assert desk.ask("getValue", value_id=0x0B)["value"] == b"\xfe\xff"
    desk.form()
    assert desk.ask("getValue", value_id=0x0B)["value"] == b"\x00\x00"


@pytest.mark.parametrize("key", [0x23, 0x24])
def test_a_frame_counter_is_set_off_the_network_only(key: int) -> None:
    desk = Desk()
    octets = b"\x78\x56\x34\x12"
    assert desk.ask("setValue", value_id=key, value=octets[:3]) == {"status": 0x36}
    assert desk.ask("setValue", value_id=key, value=octets) == {"status": 0}
    assert desk.ask("getValue", value_id=key)["value"] == octets
    desk.form()
    assert desk.ask("setValue", value_id=key, value=bytes(4)) == {"status": 0x38}
    assert desk.ask("getValue", value_id=key)["value"] == octets


ENDPOINT: dict[str, Any] = {
    "profile": 0x0104,
    "device": 0x0400,
    "device_version": 0,
    "input_count": 1,
    "output_count": 2,
    "inputs": (0,),
    "outputs": (0x0019, 0x0020),
}


@every_version
def test_endpoint_flags_tell_a_free_endpoint(version: int) -> None:
    desk = Desk(version)
    free = desk.ask("getExtendedValue", value_id=0, characteristics=1)
    assert free == {"status": code(Status.INVALID_PARAMETER, version), "value": bytes(2)}
    assert desk.ask("setValue", value_id=0x0F, value=b"\x01\x00\x00")["status"] != 0

    assert desk.ask("addEndpoint", endpoint=1, **ENDPOINT) == {"status": 0}
    taken = desk.ask("getExtendedValue", value_id=0, characteristics=1)
    assert taken == {"status": 0, "value": b"\x01\x00"}
    assert desk.ask("setValue", value_id=0x0F, value=b"\x01\x00\x00") == {"status": 0}
    assert desk.ask("getExtendedValue", value_id=0, characteristics=1)["value"] == bytes(2)


def test_other_extended_values() -> None:
    assert Desk().ask("getExtendedValue", value_id=1, characteristics=0)["value"] == bytes(3)
    assert Desk().ask("getExtendedValue", value_id=2, characteristics=0)["value"] == bytes(1)
    assert Desk(16).ask("getExtendedValue", value_id=3, characteristics=0)["value"] == bytes(4)
    assert Desk(17).ask("getExtendedValue", value_id=3, characteristics=0)["status"] == 0x21
    assert Desk().ask("getExtendedValue", value_id=9, characteristics=0)["status"] == 0x37


@every_version
def test_small_commands(version: int) -> None:
    desk = Desk(version)
    assert desk.ask("nop") == {}
    assert desk.ask("echo", data=b"abc") == {"echo": b"abc"}
    assert desk.ask("setRadioPower", power_dbm=20) == {"status": 0}
    assert desk.ask("setRadioPower", power_dbm=21)["status"] != 0
    assert desk.stick.settings.radio_power == 20
    assert desk.ask("setRadioIeee802154CcaMode", mode=1) == {"status": 0}
    assert desk.ask("setRadioIeee802154CcaMode", mode=4)["status"] != 0
    assert desk.ask("getLogicalChannel") == {"channel": 0}
    assert desk.ask("gpSinkTableClearAll") == {}
    assert desk.ask("gpSinkTableGetNumberOfActiveEntries") == {"count": 0}
    assert desk.ask("getLibraryStatus", library=1) == {"library_status": 0}
    assert desk.ask("launchStandaloneBootloader", mode=1) == {"status": 0xB5}
    bootloader = desk.ask("getStandaloneBootloaderVersionPlatMicroPhy")
    assert bootloader["bootloader_version"] == 0xFFFF
    desk.ask("setManufacturerCode", code=0x1049)
    assert desk.stick.settings.manufacturer == 0x1049


def test_a_reset_brings_the_defaults_back() -> None:
    desk = Desk()
    desk.ask("setConfigurationValue", config_id=0x1E, value=16)
    desk.ask("setPolicy", policy=0, decision=2)
    again = desk.restart()
    assert again.ask("getConfigurationValue", config_id=0x1E)["value"] == 4
    assert again.ask("getPolicy", policy=0)["decision"] == 1
