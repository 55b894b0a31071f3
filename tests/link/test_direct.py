"""A device in a world: its deadline kept, its supply cut, its bad manners survived."""

import pytest

from emulator.actions import (
    Activate,
    Battery,
    Happening,
    Join,
    Joined,
    Leave,
    Poll,
    PowerOff,
    PowerOn,
    Reboot,
    Renew,
    Report,
    Send,
    Tunnel,
)
from emulator.errors import BootError, LinkError, PowerLost
from emulator.link.direct import REBOOTS_AN_HOUR, WAKES_AT_ONCE
from emulator.link.schemes import open_link
from emulator.units import HOUR, MINUTE
from tests.link.parties import DUT_ADDRESS, Bench, Machine, Tap, datagram

HELLO = Send(datagram=datagram(source=DUT_ADDRESS, destination=0))
JOIN = Join(eui64=1, rejoin=False)


def joined() -> Bench:
    """Return a bench whose machine is on the network, its calls forgotten."""
    bench = Bench()
    bench.machine.answers["power_on"] = [(JOIN,)]
    bench.link.power(True)
    bench.run()
    assert bench.calls == ["power_on", "Joined"]
    bench.machine.calls.clear()
    return bench


def test_a_device_without_supply_is_not_called() -> None:
    bench = Bench()
    bench.medium.join("device", 1, rejoin=False, sleepy=False)
    bench.medium.carry("hub", datagram())
    bench.machine.deadline = 5
    bench.run()
    assert bench.calls == []


def test_power_is_raised_once_and_cut_once() -> None:
    bench = Bench()
    bench.link.power(False)
    bench.link.power(True)
    bench.link.power(True)
    bench.link.power(False)
    bench.link.power(False)
    assert bench.calls == ["power_on", "power_off"]
    assert bench.tap.of("power") == ["off", "on", "off", "off"]


def test_every_action_has_its_effect() -> None:
    bench = joined()
    report = Report(what=Happening.CONFIRMED)
    bench.machine.answers["Battery"] = [(HELLO, report, Leave())]
    bench.link.take(Battery(percent=5), bench.world.now)
    assert bench.tap.of("report") == [report]
    assert bench.tap.of("leave") == [""]
    bench.run()
    assert len(bench.heard("hub")) == 1
    assert bench.calls == ["Battery", "Left"]


def test_a_sleepy_device_polls() -> None:
    bench = Bench()
    bench.machine.answers["power_on"] = [(Join(eui64=1, rejoin=False, sleepy=True),)]
    bench.machine.answers["Activate"] = [(Poll(),)]
    bench.link.power(True)
    bench.run()
    bench.medium.carry("hub", datagram())
    bench.run()
    assert "receive" not in bench.calls
    bench.link.take(Activate(), bench.world.now)
    bench.run()
    assert bench.calls[-1] == "receive"


# Deadlines.


def test_the_deadline_is_kept_also_when_it_moves() -> None:
    bench = joined()
    start = bench.world.now
    for deadline in (start + 50, start + 90, start + 20):
        bench.machine.deadline = deadline
        bench.link.take(Activate(), bench.world.now)
    bench.machine.calls.clear()

    def later() -> tuple[()]:
        bench.machine.deadline = {start + 20: start + 70, start + 70: None}[bench.world.now]
        return ()

    bench.machine.answers["wake"] = [later, later]
    bench.run()
    assert bench.machine.calls == [("wake", start + 20), ("wake", start + 70)]


def test_a_deadline_taken_back_is_no_wake() -> None:
    bench = joined()
    bench.machine.deadline = bench.world.now + 50
    bench.link.take(Activate(), bench.world.now)
    bench.machine.deadline = None
    bench.run()
    assert "wake" not in bench.calls


def test_a_deadline_in_the_past_means_at_once() -> None:
    bench = joined()
    now = bench.world.now
    bench.machine.deadline = now - 1000

    def satisfied() -> tuple[()]:
        bench.machine.deadline = None
        return ()

    bench.machine.answers["wake"] = [satisfied]
    bench.link.take(Activate(), now)
    bench.run()
    assert bench.machine.calls[-1] == ("wake", now)


def test_a_device_that_wants_to_be_woken_at_once_for_ever_is_the_links_error() -> None:
    bench = joined()
    bench.machine.deadline = 0
    bench.link.take(Activate(), bench.world.now)
    with pytest.raises(LinkError, match=r"device asks to be woken at \d+ us for ever"):
        bench.run()
    assert bench.calls.count("wake") == WAKES_AT_ONCE


def test_a_device_that_is_alone_has_no_peer_to_send_anything_to() -> None:
    bench = joined()
    bench.machine.answers["Activate"] = [(Tunnel(eui64=7, protocol=0, content=Renew()),)]
    with pytest.raises(LinkError, match="device: found a Tunnel to 0000000000000007, wanted none"):
        bench.link.take(Activate(), bench.world.now)


def test_many_wakes_are_fine_while_time_passes() -> None:
    bench = joined()
    bench.machine.deadline = bench.world.now

    def step() -> tuple[()]:
        bench.machine.deadline = bench.world.now + 1
        return ()

    bench.machine.answers["wake"] = [step] * (WAKES_AT_ONCE + 10)
    bench.link.take(Activate(), bench.world.now)
    bench.run(WAKES_AT_ONCE + 5)
    assert bench.calls.count("wake") > WAKES_AT_ONCE


# Restarts and cuts.


@pytest.mark.parametrize("after_us", [0, 500])
def test_a_restart_loses_ram_at_once_and_boots_later(after_us: int) -> None:
    bench = joined()
    start = bench.world.now
    bench.machine.answers["Activate"] = [(HELLO, Reboot(after_us=after_us))]
    bench.link.take(Activate(), start)
    assert not bench.link.powered
    bench.run()
    assert bench.machine.calls[1:] == [("power_off", start), ("power_on", start + after_us)]
    assert len(bench.heard("hub")) == 1


def test_what_is_wanted_after_a_restart_never_happens() -> None:
    bench = joined()
    bench.machine.answers["Activate"] = [(Reboot(), HELLO)]
    bench.link.take(Activate(), bench.world.now)
    bench.run()
    assert bench.heard("hub") == []
    assert bench.link.powered


def test_a_cut_forgets_a_restart_that_is_under_way() -> None:
    bench = joined()
    bench.machine.answers["Activate"] = [(Reboot(after_us=500),)]
    bench.link.take(Activate(), bench.world.now)
    bench.run(100)
    bench.link.power(False)
    bench.run()
    assert not bench.link.powered
    assert "power_on" not in bench.calls


def test_raising_the_supply_in_a_restart_boots_once() -> None:
    bench = joined()
    bench.machine.answers["Activate"] = [(Reboot(after_us=500),)]
    bench.link.take(Activate(), bench.world.now)
    bench.link.power(True)
    bench.run()
    assert bench.calls.count("power_on") == 1


def test_a_device_that_restarts_for_ever_is_dead_until_its_supply_returns() -> None:
    bench = joined()
    again = (Reboot(after_us=MINUTE // 4),)
    bench.machine.answers["power_on"] = [again] * (REBOOTS_AN_HOUR + 10)
    bench.link.take(PowerOff(), bench.world.now)
    bench.link.power(True)
    bench.run(10 * HOUR)
    assert not bench.link.powered
    assert bench.tap.of("dead") == ["it restarts for ever: 201 times within an hour"]
    assert len(bench.tap.of("reboot")) == REBOOTS_AN_HOUR + 1
    bench.link.power(True)
    bench.run(10 * HOUR)
    assert bench.link.powered
    assert len(bench.tap.of("dead")) == 1


def test_many_restarts_are_fine_while_hours_pass() -> None:
    bench = joined()
    wanted = 3 * REBOOTS_AN_HOUR
    bench.machine.answers["power_on"] = [(Reboot(after_us=MINUTE // 2),)] * wanted
    bench.link.take(PowerOff(), bench.world.now)
    bench.link.power(True)
    bench.run(10 * HOUR)
    assert len(bench.tap.of("reboot")) == wanted
    assert bench.link.powered


def test_a_cut_inside_a_call_discards_its_actions_and_leaves_the_device_off() -> None:
    bench = joined()
    bench.machine.answers["Activate"] = [PowerLost("cut")]
    bench.machine.deadline = bench.world.now + 5
    bench.link.take(Activate(), bench.world.now)
    bench.run()
    assert bench.calls == ["Activate", "power_off"]
    assert not bench.link.powered
    assert bench.tap.of("power lost") == [""]
    bench.link.power(True)
    assert bench.calls[-1] == "power_on"


def test_a_cut_in_the_boot_leaves_the_device_off() -> None:
    bench = Bench()
    bench.machine.answers["power_on"] = [PowerLost("cut")]
    bench.link.power(True)
    assert not bench.link.powered
    bench.link.power(True)
    assert bench.link.powered


def test_a_device_that_cannot_boot_is_dead() -> None:
    bench = Bench()
    bench.machine.answers["power_on"] = [BootError("neither slot")]
    bench.link.power(True)
    assert not bench.link.powered
    assert bench.tap.of("dead") == ["neither slot"]


def test_an_error_of_ours_is_not_swallowed() -> None:
    bench = joined()
    bench.machine.answers["Activate"] = [RuntimeError("bug")]
    with pytest.raises(RuntimeError, match="bug"):
        bench.link.take(Activate(), bench.world.now)


def test_the_answer_to_a_join_of_an_earlier_life_is_lost() -> None:
    bench = Bench()
    bench.machine.answers["power_on"] = [(JOIN,), (JOIN,)]
    bench.link.power(True)
    bench.run(50)
    bench.link.power(False)
    bench.link.power(True)
    bench.run()
    assert bench.machine.calls.count(("Joined", 150)) == 1
    assert bench.calls.count("Joined") == 1


def test_a_wake_of_an_earlier_life_is_lost() -> None:
    bench = joined()
    bench.machine.deadline = bench.world.now + 50
    bench.link.take(Activate(), bench.world.now)
    bench.link.power(False)
    bench.link.power(True)
    bench.machine.deadline = bench.world.now + 80
    bench.run(60)
    assert "wake" not in bench.calls


def test_a_datagram_under_way_meets_the_next_life() -> None:
    bench = joined()
    bench.medium.carry("hub", datagram())
    bench.link.power(False)
    bench.link.power(True)
    bench.run()
    assert bench.calls[-1] == "receive"


# The scheme.


def test_a_link_is_opened_by_its_name() -> None:
    tap, machine = Tap(), Machine()
    machine.answers["power_on"] = [(JOIN,)]
    link = open_link("direct:", machine, tap)
    link.power(True)
    assert not link.run(lambda: False, 1_000_000)
    assert [call for call, _ in machine.calls] == ["power_on", "Joined"]
    link.send(datagram(source=1, destination=0x7777))
    assert len(tap.of("send")) == 1


def test_a_link_nobody_knows_is_an_error_that_names_the_known() -> None:
    with pytest.raises(LinkError, match=r"link 'carrier:pigeon': unknown scheme.*direct:"):
        open_link("carrier:pigeon", Machine())


@pytest.mark.parametrize("name", ["ezsp:/dev/ttyUSB0", "stdio:"])
def test_what_carries_a_device_by_another_way_is_named(name: str) -> None:
    scheme, _, _ = name.partition(":")
    with pytest.raises(
        LinkError, match=f"no link of virtual time, wanted hanover emulate.*{scheme}"
    ):
        open_link(name, Machine())


def test_a_stimulus_posted_by_name_reaches_the_device() -> None:
    bench = Bench()
    bench.world.post(5, "device", PowerOn())
    bench.run()
    assert bench.machine.calls == [("power_on", 5)]
    bench.world.post(bench.world.now, "device", Joined(address=1))
    bench.run()
    assert bench.calls[-1] == "Joined"
