"""What the household and its suppliers see: the display, the meter, and the hub's alerts."""

import pytest

from emulator.units import DAY, HOUR, MINUTE
from emulator.wire.manifest import Trait
from harness.covers import covers
from harness.premises.bench import HomeBench, images_for
from harness.premises.cases.conftest import MakeHome
from harness.premises.chosen import FAR_METER, METER, fits, meter_of
from harness.premises.hub import AlertKind
from harness.premises.model import Premises


@covers("GB-058")
@fits(FAR_METER)
@pytest.mark.parametrize(
    ("remote", "near"),
    [(Trait(0), Trait(0)), (Trait.MUTE, Trait(0)), (Trait.MUTE, Trait.MUTE)],
    ids=["upgraded", "one-goes-back", "both-go-back"],
)
def test_meter_misses_at_most_one_cycle(
    make_home: MakeHome, premises: Premises, remote: Trait, near: Trait
) -> None:
    """A gas meter behind a bridge that is upgraded, or goes back, misses at most one half hour.

    Attack: the bridge of the meter and the near one take images that are good, or reach nobody; the
        upgrade begins five minutes before the meter reports, so that it hits every trial.
    Expect: no two cycles of the meter in a row are missed, and one at most for each restart into
        another image; in the end it is heard.
    Source: gb-alt-han fact sheet 5, T10; GB-058.
    """
    meter = meter_of(premises)
    images = images_for(premises, meter.parent, traits=remote)
    home = make_home(offered=images | images_for(premises, premises.near.name, traits=near))
    account = home.account(meter.name)
    assert home.run(lambda: account.cycles == 1)
    home.wait(meter.period_us - 5 * MINUTE)
    assert account.missed == 0

    outcome = home.upgrade()

    assert home.ends() == (meter.parent, home.near)
    assert outcome.device(meter.name).missed_in_a_row <= 1
    assert outcome.device(meter.name).missed <= 1 + len(home.rollbacks())
    assert home.still_dark() == ()


@covers("GB-056")
@fits(METER)
def test_flagged_firmware_is_asked_for(home: HomeBench) -> None:
    """A sleepy meter learns at its next report that there is firmware, and asks for it once.

    Attack: none: the hub has firmware for the meter, and flags it in its answers to reports.
    Expect: the meter asks for no image before; within its cycle of half an hour it asks, and not
        again in the hour behind it.
    Source: Gecko SDK, gbcs-gas-meter.c: bit 0 of FunctionalNotificationFlags.
    """
    home.wait(HOUR)
    assert home.queries(home.meter) == []

    home.flag_firmware(home.meter)
    home.wait(HOUR // 2 + MINUTE)

    assert len(home.queries(home.meter)) == 1
    home.wait(HOUR)
    assert len(home.queries(home.meter)) == 1


@covers("GB-057")
@fits(METER)
def test_message_not_fetched_is_discarded(home: HomeBench) -> None:
    """A message that a sleepy meter does not fetch in a day is thrown away, and that is told.

    Attack: a message is kept for the meter, which fetches it; then one for the meter without a
        battery, for a day and an hour, after which it has one again.
    Expect: the first is fetched at the next wake, and there is no alert; for the second there is
        one alert, with code 0x819D, a day behind its arrival; the meter never gets it.
    Source: Gecko SDK, comms-hub-function.c: a message times out after 24 h.
    """
    meter = home.meter
    home.keep_message(meter, b"first")
    home.wait(HOUR)
    assert home.messages(meter) == [b"first"]
    assert home.hub.alerts == []

    home.power(meter, False)
    home.keep_message(meter, b"second")
    kept = home.now
    home.wait(DAY + HOUR)
    home.power(meter, True)
    home.wait(HOUR)

    assert [one.kind for one in home.hub.alerts] == [AlertKind.MESSAGE_DISCARDED]
    assert "0x819d" in home.hub.alerts[0].text.lower()
    assert home.hub.alerts[0].at == kept + DAY
    assert home.messages(meter) == [b"first"]


@covers("GB-080")
def test_bridge_away_raises_no_alert(home: HomeBench, premises: Premises) -> None:
    """A bridge that is away for long is no outage of the supply: it is logged, and no alert.

    Attack: the near bridge is away for an hour, as one that moves its image for long; then the
        hub's own supply fails for five minutes.
    Expect: no alert for the first; the silence of each device behind it is in the log, as long as
        it lasted. For the second the one alert that there is to raise.
    Source: MP102A and MP102B: false power outage alerts when a hub lost its supply for an upgrade.
    """
    behind = sorted(one.name for one in premises.devices if one.parent != premises.hub)
    began = home.now

    home.interrupt(home.near, HOUR)
    home.wait(HOUR)

    assert home.hub.alerts == []
    silences = home.silences()
    assert sorted(silences) == behind
    assert all(start <= began < began + HOUR <= end for start, end in silences.values())
    home.interrupt(premises.hub, 5 * MINUTE)
    home.wait(MINUTE)
    assert [one.kind for one in home.hub.alerts] == [AlertKind.SUPPLY_OUTAGE]
