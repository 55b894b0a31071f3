"""The near bridge passes on what is for others: once, while its application runs."""

from emulator.units import HOUR, MILLISECOND, SECOND
from emulator.wire import ota
from harness.covers import covers
from harness.premises.bench import HomeBench
from harness.premises.view import SILENT


@covers("GB-061")
def test_broadcast_goes_everywhere_once(home: HomeBench) -> None:
    """A broadcast of the hub reaches every part of the home, and comes back from none.

    Attack: the hub broadcasts an Image Notify, twice.
    Expect: of each, one copy is put on the air by the hub and one by each remote bridge at its own
        side; the near bridge puts none on the air from which it came. Every bridge takes it, and
        asks for an image each time.
    Source: gb-alt-han fact sheet 1.4; issue 9: duplicates and order as on a real hop.
    """
    home.wait(2 * HOUR)  # the queries behind the start are over
    before = [len(home.queries(name)) for name in home.bridges]

    home.broadcast()
    home.wait(10 * SECOND)
    home.broadcast()
    home.wait(10 * SECOND)

    copies = sorted(one.who for one in home.said(ota.ImageNotify))
    assert copies == sorted(2 * (home.premises.hub, *home.remotes))
    asked = [len(home.queries(name)) for name in home.bridges]
    assert [now - then for now, then in zip(asked, before, strict=True)] == [2] * len(asked)


@covers("GB-061")
def test_order_and_octets_are_kept(home: HomeBench) -> None:
    """What is passed on leaves in the order in which it came, every octet as it was.

    Attack: the hub sends a remote bridge six frames in the time that the link needs for three.
    Expect: the same six payloads go through the link, in the same order; each once.
    Source: gb-alt-han fact sheet 1.4; issue 9: duplicates and order as on a real hop.
    """
    home.flood(home.remote, for_us=30 * MILLISECOND, gap_us=5 * MILLISECOND)
    home.wait(SECOND)

    sent = [one.datagram.payload for one in home.said(ota.ImageBlockResponse)]
    assert len(sent) == 6
    assert home.crossed(ota.ImageBlockResponse) == sent
    assert home.versions() == home.first()


@covers("GB-061")
def test_duplicate_stays_one(home: HomeBench) -> None:
    """A frame that comes twice is passed on twice: to tell is the receiver's, not the relay's.

    Attack: a question of a remote bridge comes out of the link twice, and another one behind it.
    Expect: the hub hears the first twice and the other once, in this order.
    Source: gb-alt-han fact sheet 1.4; issue 9: duplicates and order as on a real hop.
    """
    agreed, before = max(home.protocols()), len(home.queries(home.remote))
    first, second = home.question(home.remote, 11), home.question(home.remote, 12)

    home.intrude(home.near, home.remote, agreed, first)
    home.intrude(home.near, home.remote, agreed, first)
    home.intrude(home.near, home.remote, agreed, second)
    home.wait(SECOND)

    heard = [one.datagram.payload for one in home.queries(home.remote)[before:]]
    assert heard == [first.payload, first.payload, second.payload]
    assert home.versions() == home.first()


@covers("GB-061")
def test_home_is_dark_while_near_is_off(home: HomeBench) -> None:
    """Nothing passes a near bridge that does not run, and everything does when it runs again.

    Attack: the near bridge has no supply for a minute.
    Expect: no bridge answers the hub meanwhile; half a minute after its return all of them do.
    Source: gb-alt-han fact sheet 1.4: while the near bridge restarts all behind it is dark.
    """
    home.power(home.near, False)
    dark = home.versions()
    home.power(home.near, True)
    home.wait(30 * SECOND)

    assert set(dark.values()) == {SILENT}
    assert home.versions() == home.first()
