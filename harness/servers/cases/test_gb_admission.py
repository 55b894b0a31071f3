"""Whom a Communications Hub lets join its network, until when, and under which key.

CCS01 and CCS02, which change the device log, come over the wide area network and are not modelled:
a case changes the log, and what is judged is what a device on the home's network meets.
"""

from emulator.units import SECOND
from emulator.wire.ota import Status
from harness.covers import covers
from harness.hub.transfers import Ending
from harness.servers.home import Home
from harness.servers.requests import block, fitting

#: The window of the public sample. Its unit is not stated; it is taken for seconds here.
_WINDOW_US = 90 * SECOND


@covers("GB-042")
def test_unlisted_device_is_refused(home: Home) -> None:
    """A device that nobody entered into the device log gets no key, however it asks.

    Attack: a device that is not in the log tries to join, and again half an hour later.
    Expect: it is refused each time and is handed no network key. The device in the log comes back,
        and the stranger joins once it is entered.
    Source: DCC test data for CCS01.
    """
    home.enlist(home.eui64)
    stranger = home.newcomer(home.eui64 + 1)

    assert not stranger.join()
    home.wait(1800 * SECOND)

    assert stranger.player.refusals > 1
    assert stranger.player.admissions == []
    assert home.rejoin() is not None
    home.enlist(home.eui64 + 1)
    assert stranger.join()
    assert len(stranger.player.admissions[0].network_key) == 16


@covers("GB-043")
def test_window_closes(home: Home) -> None:
    """A listed device that comes after its window is refused; one that came in time may come back.

    Attack: two devices are entered with a window of 90 s; one joins 1 s before its end, the other
        1 s behind it.
    Expect: the first joins, the second is refused and gets no network key; the first, restarted
        behind the window, is taken back.
    Source: DCC test data for CCS01; the unit of its 90 is not stated and taken for seconds.
    """
    early, late = (home.newcomer(home.eui64 + number) for number in (1, 2))
    home.enlist(early.identity.eui64, window_us=_WINDOW_US)
    home.enlist(late.identity.eui64, window_us=_WINDOW_US)
    home.wait(_WINDOW_US - SECOND)

    assert early.join()
    home.wait(2 * SECOND)

    assert not late.join()
    assert late.player.admissions == []
    assert early.join()
    home.enlist(late.identity.eui64, window_us=_WINDOW_US)
    assert late.join()


@covers("GB-044")
def test_repeated_entry_keeps_the_key(home: Home) -> None:
    """To enter a device again that is there already changes nothing for it.

    Attack: the client, which has joined, is entered into the log a second and a third time.
    Expect: each entry succeeds with the same link key; the client, restarted, is handed that key
        and the address that it had, and is served.
    Source: DCC test data for CCS01.
    """
    image = home.session()
    before = home.enlist(home.eui64)
    known = home.rejoin()

    again = [home.enlist(home.eui64, window_us=_WINDOW_US) for _ in range(2)]
    after = home.rejoin()

    assert known is not None
    assert after is not None
    assert {one.link_key for one in again} == {before.link_key} == {after.link_key}
    assert (after.address, after.link_key) == (known.address, known.link_key)
    assert home.offer(fitting(image)) is Status.SUCCESS


@covers("GB-045")
def test_removed_device_is_out(home: Home) -> None:
    """A device that is removed in the middle of a download is out, and its key is kept on record.

    Attack: the client is taken from the device log behind its second block, and tries to come back.
    Expect: it is refused; the end of its transfer is reported with the offset reached; its link key
        stands in the historic log. Entered anew, it joins under a key that it never had.
    Source: DCC test data for CCS02.
    """
    image = home.session()
    home.enlist(home.eui64)
    before = home.rejoin()
    assert before is not None
    assert home.offer(fitting(image)) is Status.SUCCESS
    assert home.octets(block(image)) + home.octets(block(image, 40)) == image.octets[:80]

    home.strike()
    back = home.rejoin()

    assert back is None
    assert [(one.ending, one.eui64) for one in home.reports] == [(Ending.REMOVED, home.eui64)]
    assert home.reports[0].offset == 40
    assert home.historic == [(home.eui64, before.link_key)]
    fresh = home.enlist(home.eui64).link_key
    after = home.rejoin()
    assert after is not None
    assert after.link_key == fresh != before.link_key
