"""What a Communications Hub sends on a band with a duty cycle, and whom it silences.

The thresholds of a real hub are configured; a case sets them so low that a few frames reach them.
"""

from emulator.units import HOUR, MILLISECOND, MINUTE, SECOND
from emulator.wire import ota
from emulator.wire.ota import Status
from harness.covers import covers
from harness.hub.airtime import Thresholds
from harness.hub.transfers import Ending
from harness.servers.home import Home
from harness.servers.requests import block, end, fitting

#: Reached by the first frame.
_LIMITED = Thresholds(limited_us=MILLISECOND)
_CRITICAL = Thresholds(limited_us=MILLISECOND, critical_us=2 * MILLISECOND)
#: 1 % of an hour, and never more; clients are told to wait a little before.
_ONE_PERCENT = Thresholds(limited_us=34 * SECOND, critical_us=35 * SECOND, suspended_us=36 * SECOND)


@covers("GB-051")
def test_limited_hub_serves_and_silences(home: Home) -> None:
    """A hub short of airtime silences its most talkative client, and goes on with its firmware.

    Attack: two clients, of which one reads the time four times; then the hub is Limited.
    Expect: the talkative one is told to be silent for 5 min, the other is not. Blocks are served
        to both. What the silenced one says beside OTA is answered by the same command, with the
        minutes that are left, until its time is over.
    Source: Gecko SDK, sub-ghz-server.c; Smart Energy 1.4, 14.2.3.
    """
    image = home.session()
    quiet = home.neighbour(home.eui64 + 1)
    home.budget(_LIMITED)
    home.read_time()
    home.read_time()
    home.read_time()
    home.wait(SECOND)
    assert home.suspensions == []

    assert quiet.octets(block(image))
    home.wait(SECOND)

    assert (home.suspensions, quiet.suspensions) == ([5], [])
    assert home.octets(block(image)) == quiet.octets(block(image)) == image.octets[:40]
    home.wait(2 * MINUTE)
    home.read_time()
    quiet.read_time()
    home.wait(SECOND)
    assert (home.suspensions, quiet.suspensions) == ([5, 3], [])


@covers("GB-052")
def test_critical_hub_puts_blocks_off(home: Home) -> None:
    """A hub that has hardly any airtime left silences everybody and has blocks waited for.

    Attack: two clients ask for a block each while the hub's airtime is Critical; one waits as long
        as it is told and asks again.
    Expect: both are told to be silent; blocks are answered WAIT_FOR_DATA, with a request time
        behind the current time; the one that waits gets its block. That a client keeps still is
        another requirement's.
    Source: Gecko SDK, sub-ghz-server.c.
    """
    image = home.session()
    other = home.neighbour(home.eui64 + 1)
    assert home.octets(block(image))
    home.budget(_CRITICAL)
    assert home.octets(block(image, 40))

    home_told, other_told = home.wait_told(block(image, 80)), other.wait_told(block(image))
    home.wait(SECOND)

    assert 0 < home_told <= HOUR // SECOND
    assert 0 < other_told <= HOUR // SECOND
    assert (home.suspensions, other.suspensions) == ([5], [5])
    home.wait(home_told * SECOND)
    assert home.octets(block(image, 80)) == image.octets[80:120]


@covers("GB-054")
def test_answer_to_a_suspension_is_not_answered(home: Home) -> None:
    """The Default Response of a silenced client starts no loop.

    Attack: a silenced client answers the command that silences it, five times.
    Expect: silence. What else it says is answered by that command again, before and behind it.
    Source: Gecko SDK, sub-ghz-server.c.
    """
    image = home.session()
    home.budget(_LIMITED)
    assert home.octets(block(image))
    home.wait(SECOND)
    assert home.suspensions == [5]
    home.read_time()
    home.wait(SECOND)
    assert home.suspensions == [5, 5]

    home.answer_suspension(times=5)
    home.wait(10 * SECOND)

    assert home.suspensions == [5, 5]
    home.read_time()
    home.wait(SECOND)
    assert home.suspensions == [5, 5, 5]


@covers("GB-055")
def test_transfer_keeps_the_air_budget(home: Home) -> None:
    """A large image is delivered within 1 % of every hour, and its hub says when.

    Attack: 256 KiB block by block, as fast as the hub lets a client that obeys it.
    Expect: every octet arrives; the frames that went out take at most 36 s in any hour, and more
        than half of that in the busiest; the report's times are those of the air.
    Source: gb-alt-han fact sheet 2.6: 46 s of airtime at 63 octets a block, so more than an hour.
    """
    image = home.large(256 * 1024)
    home.budget(_ONE_PERCENT)
    home.wait(HOUR // 2)
    began = home.now
    assert home.offer(fitting(image)) is Status.SUCCESS

    assert home.download_obeying(image) == image.octets
    answer = home.ask(end(image))

    assert answer is not None
    assert isinstance(answer.frame, ota.UpgradeEndResponse)
    assert 18 * SECOND < home.busiest_hour_us() <= 36 * SECOND
    assert [one.ending for one in home.reports] == [Ending.DELIVERED]
    report = home.reports[0]
    assert report.began - began < SECOND
    assert home.now - report.ended < SECOND
    assert report.ended - report.began > HOUR
