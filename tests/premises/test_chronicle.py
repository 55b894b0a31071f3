"""What is written down of a bridge is of its last offer, and of nothing before it."""

from dataclasses import replace

from emulator.units import HOUR
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.hub.images import served
from harness.premises.chronicle import Record
from harness.premises.faults import parse_fault
from harness.premises.household import Household, image_for
from harness.premises.load import load
from harness.premises.outcome import BridgeState, HomeState

C1 = load("C1")


def spoilt(image: bytes) -> bytes:
    """Return an image that no bridge takes."""
    return image[:-1] + bytes((image[-1] ^ 1,))


def test_good_image_behind_a_bad_one_is_judged_by_itself() -> None:
    good = image_for(C1.near.profile)
    home = Household(C1, images={"near": spoilt(good)})
    assert home.start()
    first = home.upgrade().bridge("near")
    assert (first.state, first.version) == (BridgeState.UNCHANGED, FIRST_VERSION)
    assert (first.why or "").startswith("it refused the image: ")

    home.images["near"] = served(good)
    second = home.upgrade()
    assert second.state is HomeState.CONFIRMED
    near = second.bridge("near")
    assert (near.state, near.version, near.why) == (BridgeState.CONFIRMED, NEXT_VERSION, None)


def test_bad_image_behind_a_bad_one_is_refused_anew() -> None:
    bad = spoilt(image_for(C1.near.profile))
    home = Household(C1, images={"near": bad})
    assert home.start()
    first = home.upgrade().bridge("near")
    blocks = home.hub.blocks
    other = spoilt(image_for(C1.near.profile, version=NEXT_VERSION + 1))
    home.images["near"] = served(other)
    near = home.upgrade().bridge("near")
    assert home.hub.blocks > blocks
    assert (near.state, near.version) == (BridgeState.UNCHANGED, FIRST_VERSION)
    assert (near.why or "").startswith("it refused the image: ")
    assert near.why != first.why  # another image has another hash


def test_offer_forgets_what_became_of_the_last_one_and_of_nobody_elses() -> None:
    images = {one.name: image_for(one.profile) for one in C1.bridges}
    home = Household(C1, images=images)
    assert home.start()
    home.begin()
    records = home.chronicle.records
    for record in records.values():
        record.accepted = True
        record.refused = record.deferred = record.stopped = "a reason"
    before = replace(records["near"])
    home.offer("remote_ihd")
    told = records["remote_ihd"]
    assert (told.accepted, told.refused, told.deferred, told.stopped) == (False, None, None, None)
    assert records["near"] == before != Record()


def test_bridge_that_ran_the_image_that_it_had_put_off_puts_nothing_off_any_more() -> None:
    """Its battery was low, then well; nobody reaches it in the end, for quite another reason."""
    premises = load("C3")
    texts = (
        "remote_gsme:battery=5@18s",
        "remote_gsme:battery=100@1h",
        "near-remote_gsme:down@5h",
    )
    home = Household(
        premises,
        images={one.name: image_for(one.profile) for one in premises.bridges},
        faults=[parse_fault(one, premises) for one in texts],
    )
    assert home.start()
    put_off = []

    def look(one: Household) -> None:
        put_off.append(one.chronicle.records["remote_gsme"].deferred)

    remote = home.upgrade(progress=look).bridge("remote_gsme")
    assert any((one or "").startswith("trial: found 5 % of its battery") for one in put_off)
    assert put_off[-1] is None
    assert home.now > 5 * HOUR
    assert (remote.state, remote.boots) == (BridgeState.UNREACHABLE, 1)
    assert remote.why is None
