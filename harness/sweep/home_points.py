"""Name the lives of a home that are swept, and the places where its supplies are cut.

A point is written ``LIFE/WHO/KIND@OPERATION`` or ``LIFE/WHO/KIND@OPERATION:OCTETS``: the supply of
a bridge fails at one of its own flash operations. Where WHO is ``home``, all that hangs on the
mains goes dark at an operation of one bridge: ``upgrade/home/torn@near:123:8``. An idle point is a
moment in microseconds since the home was switched on: ``upgrade/near/idle@83000001us``. The name of
a life alone is that life without a cut.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from emulator.units import Octets, Us
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.premises.household import FACTORY_OCTETS, image_for
from harness.premises.model import WHOLE, Bridge, Premises
from harness.premises.plan import FREE, Speech, Wish
from harness.sweep import lives
from harness.sweep.lives import Life, LifeError
from harness.sweep.points import IDLE, Cut, PointError
from harness.sweep.points import KINDS as ALL_KINDS
from harness.sweep.points import WORN as WEAR

#: How a supply fails in a home; what a worn sector does is a matter of one bridge.
KINDS: tuple[str, ...] = tuple(kind for kind in ALL_KINDS if kind != WEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeLife:
    """Be one story of a home.

    Args:
        name: Of the life.
        about: What happens, in a line.
        alone: The role of the one bridge that is offered an image, one that shares no link protocol
            with its partners: "near", or "remote" for the first remote one. None: every bridge is
            offered a good image.
    """

    name: str
    about: str
    alone: str | None = None


UPGRADE, NEAR_APART, REMOTE_APART = "upgrade", "near-apart", "remote-apart"
LIVES: Mapping[str, HomeLife] = {
    life.name: life
    for life in (
        HomeLife(name=UPGRADE, about="every bridge takes a good image, by the usual plan"),
        HomeLife(
            name=NEAR_APART,
            about="the near bridge takes an image that no remote one understands; it is undone",
            alone="near",
        ),
        HomeLife(
            name=REMOTE_APART,
            about="a remote takes an image that the near one does not understand; it is undone",
            alone="remote",
        ),
    )
}
#: What a bridge lives that is offered nothing.
_STAYS = Life(name="stays", about="nothing is offered", offers=(), wanted=FIRST_VERSION, phases=())


def _taker(premises: Premises, life: HomeLife) -> Bridge | None:
    """Return the one bridge that is offered an image; None: all are."""
    if life.alone is None:
        return None
    return premises.near if life.alone == "near" else premises.remotes[0]


def stories(premises: Premises, life: HomeLife) -> dict[str, Life]:
    """Return what each bridge lives, by its name, as a judge of promises takes it."""
    taker = _taker(premises, life)
    if taker is None:
        return {one.name: lives.LIVES["upgrade"] for one in premises.bridges}
    other = dict.fromkeys((one.name for one in premises.bridges), _STAYS)
    return other | {taker.name: lives.LIVES["rollback"]}


def wish_of(premises: Premises, life: HomeLife) -> Wish:
    """Return what is wanted of the plan: one that makes a pair mute must be taken anyway."""
    taker = _taker(premises, life)
    return FREE if taker is None else Wish(order=((taker.name,),), anyway=True)


def images_of(
    premises: Premises, life: HomeLife, size: Octets
) -> tuple[dict[str, bytes], dict[str, dict[int, bytes]]]:
    """Return the image that each bridge is offered, and all that it may run by version.

    Args:
        premises: The home.
        life: Its life.
        size: Octets of the firmware in each offered image.

    Raises:
        LifeError: An image does not fit a slot.
    """
    taker = _taker(premises, life)
    offered: dict[str, bytes] = {}
    known: dict[str, dict[int, bytes]] = {}
    for one in premises.bridges:
        low, high = premises.protocols(one.name)
        known[one.name] = {FIRST_VERSION: _image(one, FIRST_VERSION, FACTORY_OCTETS, (low, high))}
        if taker is None or one is taker:
            speaks = (low, high) if taker is None else (high + 1, high + 1)
            image = _image(one, NEXT_VERSION, size, speaks)
            offered[one.name] = known[one.name][NEXT_VERSION] = image
    return offered, known


def _image(one: Bridge, version: int, size: Octets, speaks: Speech) -> bytes:
    start, end = one.profile.flash.slot_a
    built = min(size, end - start)  # what is far too large is not made first
    image = image_for(one.profile, version=version, size=built, speaks=speaks)
    most = end - start - (len(image) - built)
    if size > most:
        raise LifeError(f"--size: found {size}, wanted at most {most}, for a slot of {one.name}")
    return image


@dataclass(frozen=True, slots=True)
class HomePoint:
    """Be one cut in a life of a home.

    Args:
        life: The life's name.
        who: Whose supply fails, ``home`` for all on the mains; empty: nobody's.
        cut: Which operation, and how; an idle one has none.
        bridge: Whose operation it is.
        at_us: When an idle one strikes, in microseconds since the home was switched on.
        phase: What the operation is for.
    """

    life: str
    who: str = ""
    cut: Cut | None = None
    bridge: str = ""
    at_us: Us = 0
    phase: str = field(default="", compare=False)

    @property
    def kind(self) -> str:
        """Return the kind of the cut, "none" where there is none."""
        if not self.who:
            return "none"
        return IDLE if self.cut is None else self.cut.kind

    def __str__(self) -> str:
        if not self.who:
            return self.life
        if self.cut is None:
            return f"{self.life}/{self.who}/{IDLE}@{self.at_us}us"
        number, kind, *octets = str(self.cut).split(":")
        where = ":".join((*((self.bridge,) if self.who == WHOLE else ()), number, *octets))
        return f"{self.life}/{self.who}/{kind}@{where}"


_MOMENT = re.compile(r"(\d{1,15})us")
_OPERATION = re.compile(r"(?:([a-z][a-z0-9_]*):)?(\d{1,9})(?::(\d{1,9}))?")


def read_home_point(text: str, premises: Premises) -> HomePoint:
    """Read a point as it is printed.

    Raises:
        PointError: It is none, or none of this home.
    """
    life, slash, rest = text.partition("/")
    if life not in LIVES:
        raise PointError(f"point {text}: found life {life!r}, wanted one of {', '.join(LIVES)}")
    if not slash:
        return HomePoint(life)
    who, _, place = rest.partition("/")
    kind, _, where = place.partition("@")
    bridges = [one.name for one in premises.bridges]
    if who not in (*bridges, WHOLE):
        wanted = f"one of {', '.join((*bridges, WHOLE))}"
        raise PointError(f"point {text}: found {who!r}, wanted {wanted}")
    if kind not in KINDS:
        raise PointError(f"point {text}: found kind {kind!r}, wanted one of {', '.join(KINDS)}")
    if kind == IDLE:
        moment = _MOMENT.fullmatch(where)
        if moment is None:
            raise PointError(f"point {text}: found {where!r}, wanted a moment, as 83000001us")
        return HomePoint(life, who, at_us=int(moment[1]))
    found = _OPERATION.fullmatch(where)
    if found is None or (found[1] or who) not in bridges or (found[1] and who != WHOLE):
        wanted = "BRIDGE:OPERATION[:OCTETS]" if who == WHOLE else "OPERATION[:OCTETS]"
        raise PointError(f"point {text}: found {where!r}, wanted {wanted}")
    cut = Cut(int(found[2]), kind, int(found[3] or 0))
    return HomePoint(life, who, cut, found[1] or who)
