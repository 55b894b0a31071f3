"""Whatever hosts and hands did before: once a network is there and open, every bridge is on it."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.ncp.port import WELL_KNOWN_KEY, NodeKind
from tests.ncp.parties import (
    BRIDGE_EUI64,
    NETWORK_KEY,
    OTHER_EUI64,
    PARAMETERS,
    Scene,
    Stick,
)

BRIDGES = {"b1": "B1", "b4": "B4"}
OTHER_NETWORK = replace(PARAMETERS, extended_pan_id=b"another!", pan_id=0x3333)

#: What can happen: a name, and where it matters a bridge or a number of seconds.
STEPS = st.one_of(
    st.tuples(
        st.sampled_from(
            ["form", "form other", "resume", "detach", "leave", "join", "rejoin", "quit", "send"]
        ),
        st.just(0),
    ),
    st.tuples(st.just("permit"), st.sampled_from([0, 5, 60, 255])),
    st.tuples(st.just("run"), st.sampled_from([0, 1, 7, 70])),
    st.tuples(st.sampled_from(["on", "off", "remove"]), st.sampled_from([0, 1])),
)


def act(scene: Scene, other: Stick, what: str, number: int) -> None:
    """Do one step, as far as a stick would do it."""
    place = scene.place
    link = list(scene.links.values())[number % 2]
    match what:
        case "form":
            place.form(PARAMETERS, NETWORK_KEY)
        case "form other":
            place.form(OTHER_NETWORK, bytes(16))
        case "resume":
            place.resume(PARAMETERS, NETWORK_KEY, NodeKind.COORDINATOR, 0)
        case "detach":
            place.detach()
        case "leave":
            place.leave()
        case "join" | "rejoin":
            if other.place.address is None or what == "rejoin":
                rejoin = what == "rejoin"
                other.place.join(PARAMETERS, WELL_KNOWN_KEY, NodeKind.ROUTER, rejoin)
        case "quit":
            other.place.leave()
        case "permit":
            place.permit(number)
        case "run":
            scene.run(number)
        case "on" | "off":
            link.power(what == "on")
        case "remove":
            place.remove(BRIDGE_EUI64 + number)
        case "send" if place.address is not None:
            scene.send(next((one.address for one in place.members()), 0x7777))


@settings(max_examples=150)
@given(steps=st.lists(STEPS, max_size=20), auto=st.booleans())
def test_every_bridge_finds_its_way_back(steps: list[tuple[str, int]], auto: bool) -> None:
    scene = Scene(auto_join=auto)
    other = scene.add_stick(Stick("dut", OTHER_EUI64))
    for name, kind in BRIDGES.items():
        scene.add(name, kind)
    for what, number in steps:
        act(scene, other, what, number)

    resumed = scene.place.resume(PARAMETERS, NETWORK_KEY, NodeKind.COORDINATOR, 0)
    assert resumed
    scene.place.permit(255)
    for link in scene.links.values():
        link.power(True)
    scene.run(320)  # radio.rejoin_retry_s of the slowest is 300
    members = {one.name: one for one in scene.place.members()}
    assert set(BRIDGES) <= set(members)
    addresses = [one.address for one in members.values()]
    assert len({0, *addresses}) == len(addresses) + 1
    scene.stick.reports.clear()
    for counter, name in enumerate(BRIDGES):
        scene.send(members[name].address, counter=counter)
    scene.run(10)
    assert sorted(scene.stick.reports) == sorted(
        (members[name].address, counter, True) for counter, name in enumerate(BRIDGES)
    )
    assert scene.stick.calls.count(("up", 0)) >= 1
    assert (other.place.address is None) is ("dut" not in members)
