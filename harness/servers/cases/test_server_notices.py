"""Image Notify: how it is sent, and that nothing ends where it is not heard."""

from emulator.faults import DropFrame, Leg, Selector
from emulator.units import MINUTE
from emulator.wire import ota, zcl
from emulator.wire.codec import KEYS
from emulator.wire.ota import Status
from harness.covers import covers
from harness.servers.bench import ServerBench
from harness.servers.requests import block, fitting


@covers("OTA-S-025")
def test_broadcast_notify_wants_no_default_response(server: ServerBench) -> None:
    """A notify to everybody does not ask everybody for an answer.

    Attack: the server notifies all devices at once.
    Expect: the broadcast has the bit set that forbids Default Responses, and names a jitter of 1 to
        100.
    Source: ota-server.c of the Simplicity SDK; ZCL rev 8, 11.13.3.
    """
    server.session()

    notify = server.notify(broadcast=True)

    assert notify.broadcast
    assert notify.payload[0] & zcl.NO_DEFAULT_RESPONSE == zcl.NO_DEFAULT_RESPONSE
    assert 1 <= notify.payload[4] <= 100


@covers("OTA-S-026")
def test_unheard_notify_ends_nothing(server: ServerBench) -> None:
    """A device that sleeps through its notify, and asks later, is served.

    Attack: the notify is lost on its way; the device queries two minutes later.
    Expect: the offer, and the first block.
    Source: zigpy 1891, PR 1552; zigbee2mqtt 27084.
    """
    image = server.session()
    command = KEYS[ota.ImageNotify].command
    server.plan(
        DropFrame(
            at=Selector(leg=Leg.TO_DEVICE, number=0, cluster=ota.CLUSTER, command=command), count=99
        )
    )

    server.announce()
    server.wait(2 * MINUTE)

    assert server.heard_of(ota.ImageNotify) == []
    assert server.offer(fitting(image)) is Status.SUCCESS
    data = server.octets(block(image))
    assert len(data) > 0
    assert data == image.octets[: len(data)]
