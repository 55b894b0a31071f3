"""Let tshark read a gas meter's wake: what is flagged, what is fetched, how many more wait."""

from emulator.units import MINUTE
from emulator.wire.aps import Datagram
from harness.premises.hub import PremisesHub
from harness.premises.residents import GasMeter
from tests.interop.test_tshark import tshark
from tests.premises.carrier import METER_HABITS, Carrier

EUI64, ADDRESS = 0x00124B00_00006A5E, 0x2B02
FLAGS = "zbee_zcl_se.met.attr.func_noti_flag"
SCHEME = "zbee_zcl_se.met.mirror_report_attribute_response.notification_scheme"


def wake(*messages: bytes, firmware: bool) -> list[Datagram]:
    """Return all that goes over the air while a meter is awake once."""
    hub, meter = PremisesHub(), GasMeter(EUI64, ADDRESS, METER_HABITS)
    hub.register(EUI64, ADDRESS, period_us=meter.habits.period_us)
    hub.power_on(0)
    meter.power_on(0)
    for text in messages:
        hub.keep_message(EUI64, text, 0)
    if firmware:
        hub.flag_firmware(EUI64)
    carrier = Carrier(hub=hub, device=meter, sleepy=True)
    carrier.run(MINUTE)
    return [datagram for _, datagram in carrier.sent]


def test_tshark_finds_the_flags() -> None:
    names = [SCHEME, f"{FLAGS}.new_ota_firmware", f"{FLAGS}.tunnel_message_pending"]
    found = [
        tshark(wake(*texts, firmware=firmware), names)[1]
        for texts, firmware in (((), False), ((), True), ((b"text",), False), ((b"text",), True))
    ]

    assert [int(row[0], 0) for row in found] == [1, 1, 1, 1]
    raised = [[one in ("1", "True") for one in row[1:]] for row in found]
    assert raised == [[False, False], [True, False], [False, True], [True, True]]


def test_tshark_finds_what_goes_through_the_tunnel() -> None:
    rows = tshark(
        wake(b"one", b"two", b"three", firmware=False),
        ["gbcs_tunnel.command", "gbcs_tunnel.remaining", "_ws.malformed"],
    )

    tunnel = [(int(command, 0), remaining) for command, remaining, _ in rows if command]
    assert tunnel == [(1, ""), (2, "2"), (1, ""), (2, "1"), (1, ""), (2, "0")]
    assert [malformed for _, _, malformed in rows if malformed] == []
