"""A bench at a stick: who is the device, what reaches a case, what ends one and how."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.crypto.install_code import crc_of, link_key_of
from emulator.errors import LinkError
from emulator.faults import DuplicateFrame, Leg, Selector
from emulator.units import HOUR, SECOND
from emulator.wire import ota
from emulator.wire.codec import KEYS
from emulator.wire.ota import Status
from harness.bench import Bench
from harness.firmware import FIRST_VERSION
from harness.hub.lies import Append, Lie
from harness.lanes.port import LaneOptions, NetworkOptions, Restart
from harness.lanes.schemes import release_lanes
from harness.lanes.sticks import open_stick
from harness.verdict import Unsupported
from tests.interop.hasty import hasty
from tests.interop.radio_thread import RadioThread, bridge

PROFILE = hasty("B1")
CODE = bytes(range(16)) + crc_of(bytes(range(16)))
ONE, OTHER = 0x00124B0044555441, 0x00124B0044555442


@pytest.fixture(autouse=True)
def _sticks_are_given_back() -> Iterator[None]:
    yield
    release_lanes()


def opened(
    radio: RadioThread, max_wait_s: int = 30, *, switched: bool = False, **network: object
) -> Bench:
    made = NetworkOptions(**network)  # type: ignore[arg-type]
    options = LaneOptions(max_wait_us=max_wait_s * SECOND, network=made, switched=switched)
    return Bench(PROFILE, link=radio.link, options=options)


def test_a_duplicate_reaches_the_bench() -> None:
    """zigpy drops what it heard within ten seconds; a hub must not."""
    blocks = Selector(
        leg=Leg.FROM_DEVICE,
        cluster=ota.CLUSTER,
        command=KEYS[ota.ImageBlockRequest].command,
        number=2,
    )
    with RadioThread([bridge(PROFILE)]) as radio:
        bench = opened(radio)
        bench.start()
        radio.call(lambda: radio.radio.air.medium.plan((DuplicateFrame(at=blocks),), "B1"))
        assert bench.offer(bench.image()) is Status.SUCCESS
        heard = [one.datagram for one in bench.heard_at(ota.ImageBlockRequest)]
        twice = [one for one in heard if heard.count(one) == 2]
        assert len(twice) == 2
        assert [one.datagram for one in bench.heard_at(ota.ImageBlockRequest)][2:4] == twice


def test_the_next_bench_finds_the_device_that_the_last_one_upgraded() -> None:
    with RadioThread([bridge(PROFILE)]) as radio:
        first = opened(radio)
        first.start()
        assert first.version(0) == FIRST_VERSION
        assert first.offer(first.image()) is Status.SUCCESS
        first.close()
        second = opened(radio)
        assert second.version(0) == first.version(1)
        assert second.version(1) > first.version(1)
        second.start()
        assert second.running_version() == first.version(1)


def test_what_a_broken_download_left_is_no_business_of_the_next_bench() -> None:
    with RadioThread([bridge(PROFILE)]) as radio:
        first = opened(radio)
        first.start()
        assert first.start_download(first.image(), blocks=5) > 0
        first.close()
        second = opened(radio)
        second.start()
        assert second.count(ota.ImageBlockRequest) == 0
        assert second.upgrade(second.image()) == second.version(1)
        assert second.heard(ota.ImageBlockRequest)[0].file_offset == 0


def test_notify_leaves_the_device_where_it_is() -> None:
    with RadioThread([bridge(PROFILE)]) as radio:
        opened(radio).close()
        bench = opened(radio, restart=Restart.NOTIFY)
        bench.start()
        assert bench.count(ota.QueryNextImageRequest) == 1
        assert all(what != "leave" for _, _, what, _ in bench.trace.rows)


def test_only_the_device_that_was_named_is_admitted() -> None:
    with RadioThread([bridge(PROFILE, eui64=ONE), bridge(PROFILE, "B2", eui64=OTHER)]) as radio:
        bench = opened(radio, eui64=OTHER)
        bench.start()
        assert bench.identity.eui64 == OTHER
        assert set(bench.hub.members) == {OTHER}
        joined = {one.eui64 for one in radio.radio.sticks["radio"].place.members()}
        assert ONE not in joined


def test_of_two_devices_one_must_be_named() -> None:
    with RadioThread([bridge(PROFILE, eui64=ONE), bridge(PROFILE, "B2", eui64=OTHER)]) as radio:
        opened(radio, eui64=ONE).close()
        opened(radio, eui64=OTHER).close()
        with pytest.raises(LinkError, match=r"found 2 devices on the network .*--eui64"):
            opened(radio)


def test_an_install_code_admits_and_a_wrong_one_does_not() -> None:
    with RadioThread([bridge(PROFILE, eui64=ONE, code=CODE)]) as radio:
        with pytest.raises(LinkError, match=f"nothing of {ONE:016x} in 8 s"):
            opened(radio, 8, eui64=ONE, link_key=bytes(16))
        bench = opened(radio, eui64=ONE, link_key=link_key_of(CODE))
        bench.start()
        assert bench.running_version() == FIRST_VERSION


def test_a_device_that_never_comes_is_waited_for_once() -> None:
    with RadioThread([]) as radio:
        with pytest.raises(LinkError, match="no device in 3 s"):
            opened(radio, 3)
        begun = time.monotonic()
        with pytest.raises(LinkError, match="no device"):
            opened(radio, 3)
        assert time.monotonic() - begun < 1


def test_a_network_is_remembered_in_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    with RadioThread([bridge(PROFILE, eui64=ONE)]) as radio:
        opened(radio, folder=folder, channel=20, pan_id=0x2345).close()
        release_lanes()
        kept = json.loads((folder / "members.json").read_text("utf-8"))
        assert set(kept) == {f"{ONE:016x}"}
        bench = opened(radio, folder=folder)
        parameters = radio.radio.sticks["radio"].place.parameters
        assert parameters is not None
        assert (parameters.radio_channel, parameters.pan_id) == (20, 0x2345)
        assert bench.identity.eui64 == ONE
        bench.start()
        assert bench.running_version() == FIRST_VERSION


def test_a_stick_that_knows_no_network_takes_over_the_one_in_the_folder(tmp_path: Path) -> None:
    """Ids, keys and the trust centre's address are the old ones; its frame counter is above."""
    networks, counters, made = [], [], []
    for seed, channel in enumerate((20, None)):
        options = NetworkOptions(folder=tmp_path, channel=channel)
        with RadioThread([], seed) as radio:
            made.append(radio.radio.sticks["radio"].eui64)
            place = radio.link.removeprefix("ezsp:")
            session = open_stick(place, options, PROFILE.ota.zigbee_profile)
            where = {key: session.identity[key] for key in ("channel", "pan_id", "eui64")}
            session.close()
            tokens = radio.radio.sticks["radio"].tokens
            assert tokens.network is not None
            networks.append({**where, "key": tokens.network.network_key})
            counters.append(tokens.network_frame_counter)
    assert made[0] != made[1]
    assert networks[0]["channel"] == "20"
    assert networks[0] == networks[1]
    assert counters[1] > counters[0] > 0
    assert (tmp_path / "network.json").stat().st_mode & 0o077 == 0


def test_a_network_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "network.json").write_text("[]", "utf-8")
    with RadioThread([]) as radio, pytest.raises(LinkError, match=r"network\.json: found "):
        opened(radio, 2, folder=tmp_path)


def test_a_stick_that_is_pulled_out_is_our_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.lanes.sticks.BACK_S", 2)
    with RadioThread([bridge(PROFILE)]) as radio:
        bench = opened(radio)
        bench.start()
        radio.stop()
        with pytest.raises(LinkError, match="the stick is gone"):
            bench.wait(5 * SECOND)
        bench.close()
        with pytest.raises(LinkError, match="cannot be used"):
            opened(radio)


def test_long_waits_and_long_messages_are_unsupported() -> None:
    with RadioThread([bridge(PROFILE)]) as radio:
        bench = opened(radio, 30)
        bench.start()
        begun = time.monotonic()
        with pytest.raises(Unsupported, match="needs 3600 s of real time, --max-wait is 30 s"):
            bench.wait(HOUR)
        assert time.monotonic() - begun < 1
        bench.hub.lies.append(Lie(ota.ImageBlockResponse, [Append(bytes(200))]))
        with pytest.raises(Unsupported, match="octets, the stick takes 73"):
            bench.offer(bench.image())


def test_a_stranger_and_a_case_of_power_are_unsupported() -> None:
    with RadioThread([bridge(PROFILE)]) as radio:
        bench = opened(radio)
        with pytest.raises(Unsupported, match="no other nodes"):
            bench.stranger()
        with pytest.raises(Unsupported, match="no power"):
            bench.power_cycle()
        with pytest.raises(Unsupported, match="carries one"):
            bench.second_device()


def test_a_device_whose_supply_a_switch_raised_is_not_told_to_leave() -> None:
    """It comes back by itself; one that asks for nothing then is notified in a while."""
    with RadioThread([bridge(PROFILE)]) as radio:
        bench = opened(radio, switched=True)
        bench.start()
        leaves = sum(what == "leave" for _, _, what, _ in bench.trace.rows)
        queries = bench.count(ota.QueryNextImageRequest)
        bench.cut_power()
        assert not bench.lane.powered
        bench.lane.power(True)
        assert bench.lane.powered
        bench.wait(5 * SECOND)
        assert bench.count(ota.QueryNextImageRequest) == queries  # nobody cut anything here
        assert bench.run(lambda: bench.count(ota.QueryNextImageRequest) > queries, 10 * SECOND)
        assert leaves == sum(what == "leave" for _, _, what, _ in bench.trace.rows)
        bench.lane.power(True)  # it has its supply: it begins anew as without a switch
        assert bench.run(
            lambda: leaves < sum(what == "leave" for _, _, what, _ in bench.trace.rows), 5 * SECOND
        )
