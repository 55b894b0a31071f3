"""What waits for a sleepy meter behind two bridges: it is fetched, or discarded and reported."""

import pytest

from emulator.units import DAY, HOUR, MINUTE, SECOND
from harness.premises.household import Household
from harness.premises.hub import AlertKind
from harness.premises.load import load
from harness.premises.residents import GasMeter

TEXTS = (b"first", b"second")


def home(name: str) -> tuple[Household, GasMeter]:
    made = Household(load(name), images=None, seed=4)
    assert made.start()
    meter = made.devices["meter"]
    assert isinstance(meter, GasMeter)
    return made, meter


def live(made: Household, us: int) -> None:
    assert not made.run(lambda: False, us)


@pytest.mark.parametrize("name", ["C1", "C2", "C3", "C4", "C5", "C6", "C7"])
def test_a_meter_fetches_its_messages_at_its_next_wake_in_every_home(name: str) -> None:
    made, meter = home(name)
    for text in TEXTS:
        made.hub.keep_message(meter.eui64, text, made.now)
    made.hub.flag_firmware(meter.eui64)
    live(made, 31 * MINUTE)

    assert [text for _, text in meter.messages] == [*TEXTS]
    assert len(meter.offers) == 1
    live(made, HOUR)
    assert len(meter.offers) == 1  # it was told once
    assert (meter.account.missed, made.hub.alerts) == (0, [])


@pytest.mark.parametrize("name", ["C3", "C6"])
def test_behind_a_bridge_that_is_off_for_a_day_messages_are_discarded_once(name: str) -> None:
    """GB-057, and GB-080: that a bridge is off is a silence of its meter's, no outage of supply."""
    made, meter = home(name)
    live(made, HOUR)
    made.power("remote_gsme", False)
    off = made.now
    made.hub.keep_message(meter.eui64, TEXTS[0], off)
    live(made, HOUR)
    made.hub.keep_message(meter.eui64, TEXTS[1], made.now)
    live(made, DAY - HOUR - SECOND)
    assert made.hub.alerts == []
    live(made, MINUTE)
    assert len(made.hub.alerts) == 1

    made.power("remote_gsme", True)
    live(made, 45 * MINUTE)
    assert [text for _, text in meter.messages] == [TEXTS[1]]
    (alert,) = made.hub.alerts
    assert (alert.at, alert.kind) == (off + DAY, AlertKind.MESSAGE_DISCARDED)
    (silence,) = (one for one in made.hub.silences if one.eui64 == meter.eui64)
    assert meter.account.missed == meter.account.missed_in_a_row >= 48
    assert silence.to_us - silence.from_us == (meter.account.missed + 1) * 30 * MINUTE
    assert meter.account.spans[0][1] - silence.from_us > DAY
