"""Describe the lives that are swept, as values: what is offered, how the hub behaves, what is owed.

A life begins in the factory and ends when the bridge has nothing more to do. Nothing acts here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from emulator.errors import HanoverError
from emulator.profiles.load import overlay, plain
from emulator.profiles.model import Profile
from emulator.profiles.switches import Consent
from emulator.units import SECOND, Octets, Us
from emulator.wire.manifest import Trait
from harness.firmware import built, filler
from harness.hub.images import Served, served

OLD, NEW, NEWER = 0x01000000, 0x02000000, 0x03000000

#: Octets of the payload of the image that a bridge leaves the factory with.
_FIRST_SIZE = 256
#: Image type of what a bridge needs beside its own image, in the life that is about that.
_OTHER_TYPE = 0x0101
#: "Wait for another response" (ZCL rev 8, 11.13.10.2.5).
_FOREVER = 0xFFFFFFFF


class LifeError(HanoverError, ValueError):
    """A life cannot be lived: names it, and what is missing."""


class Flaw(StrEnum):
    """Say what is wrong with an offered image."""

    NONE = "none"
    SPOILT = "spoilt"  # an octet differs from what was released: it must never boot
    MUTE = "mute"  # it never reaches the hub: it must not stay
    CRASHES = "crashes"  # the same, and it restarts over and over


_TRAITS = {Flaw.MUTE: Trait.MUTE, Flaw.CRASHES: Trait.CRASHES | Trait.DEAF}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Be one image that a hub offers; the next one follows when it was refused or withdrawn."""

    version: int
    flaw: Flaw = Flaw.NONE
    #: The hub withdraws it after so many blocks; None: never.
    withdrawn_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """Be one story of a bridge and its hub."""

    name: str
    about: str
    offers: tuple[Offered, ...]
    #: Version that runs, confirmed, when all is done.
    wanted: int
    #: Phases that the life must show; one without an operation means that nothing was tested.
    phases: tuple[str, ...]
    first: int = OLD
    #: Times of successive Upgrade End Responses; the last one stays.
    ends: tuple[tuple[int, int], ...] = ((0, 0),)
    #: Which block requests are told to wait: number of the first, how many, seconds.
    waits: tuple[int, int, int] = (0, 0, 0)
    #: How long the hub is gone once it gave leave to upgrade.
    absent_s: int = 0
    #: Whether versions below the running one are offered.
    downgrades: bool = False
    #: Whether it lasts until the bridge tries the image that fails no more, unless it is asked.
    retried: bool = False
    #: What the bridge's profile says in this life, by dotted key.
    changes: Mapping[str, object] = field(default_factory=dict)
    #: Whether a unicast notify, in the end, must bring another attempt at the image undone.
    asked_again: bool = False

    def rank(self, version: int) -> int:
        """Return the place of a version in the order of its offers; -1: it is none of them."""
        order = (self.first, *(one.version for one in self.offers))
        return order.index(version) if version in order else -1

    def offered(self, version: int) -> Offered | None:
        """Return the offer of a version, None if it is the first image or unknown."""
        return next((one for one in self.offers if one.version == version), None)

    @property
    def blocks_counted(self) -> int:
        """Return up to which number block requests matter to the story."""
        withdrawals = [one.withdrawn_after or 0 for one in self.offers]
        return max([sum(self.waits[:2]), *withdrawals])


_DOWNLOAD = ("boot", "download", "record", "staging", "trial")

LIVES: dict[str, Life] = {
    life.name: life
    for life in (
        Life(
            name="upgrade",
            about="a good image is offered, taken and confirmed",
            offers=(Offered(version=NEW),),
            wanted=NEW,
            phases=_DOWNLOAD,
        ),
        Life(
            name="rollback",
            about="the new image never reaches the hub and is undone",
            offers=(Offered(version=NEW, flaw=Flaw.MUTE),),
            wanted=OLD,
            phases=_DOWNLOAD,
            asked_again=True,
        ),
        Life(
            name="crash",
            about="the new image restarts over and over, is undone, and is tried some times more",
            offers=(Offered(version=NEW, flaw=Flaw.CRASHES),),
            wanted=OLD,
            phases=("boot", "download", "record", "staging"),
            retried=True,
            asked_again=True,
        ),
        Life(
            name="refusal",
            about="a spoilt image is refused, then a good one is taken",
            offers=(Offered(version=NEW, flaw=Flaw.SPOILT), Offered(version=NEWER)),
            wanted=NEWER,
            phases=_DOWNLOAD,
        ),
        Life(
            name="waiting",
            about="the hub has the bridge wait for blocks and for leave, and is gone in the trial",
            offers=(Offered(version=NEW),),
            wanted=NEW,
            phases=(*_DOWNLOAD, "waiting"),
            ends=((0, _FOREVER), (0, 900), (0, 0)),
            waits=(3, 2, 60),
            absent_s=240,
        ),
        Life(
            name="downgrade",
            about="an older image is offered by name, taken and confirmed",
            first=NEW,
            offers=(Offered(version=OLD),),
            wanted=OLD,
            phases=_DOWNLOAD,
            downgrades=True,
        ),
        Life(
            name="change",
            about="the offered image is withdrawn in the download, and a newer one takes its place",
            offers=(Offered(version=NEW, withdrawn_after=12), Offered(version=NEWER)),
            wanted=NEWER,
            phases=_DOWNLOAD,
        ),
        Life(
            name="outside",
            about="a good image is taken, and activated by something outside the network",
            offers=(Offered(version=NEW),),
            wanted=NEW,
            phases=(*_DOWNLOAD, "waiting"),
            changes={"ota.activation_policy": 1},
        ),
        Life(
            name="several",
            about="the bridge needs another image beside its own, and takes both in one upgrade",
            offers=(Offered(version=NEW),),
            wanted=NEW,
            phases=_DOWNLOAD,
            changes={"ota.more_image_types": [_OTHER_TYPE]},
        ),
    )
}


def possible(life: Life, profile: Profile) -> bool:
    """Tell whether bridges of a profile can live a life: some take no older image."""
    return not life.downgrades or profile.ota.downgrade is Consent.ACCEPT


def suited(life: Life, profile: Profile) -> Profile:
    """Return the profile as a life has it: with its changes, and room for its images."""
    changes = dict(life.changes)
    if changes.get("ota.more_image_types") and profile.flash.extra is None:
        flash = profile.flash
        start, end = flash.slot_a
        sector = flash.chips[-1].erase_size_octets
        room = -(-(end - start) // sector) * sector
        extra = (flash.size_octets, flash.size_octets + room)
        changes |= {"flash.extra": extra, "flash.size_octets": extra[1]}
    if profile.ota.more_image_types:
        changes.pop("ota.more_image_types", None)
    return overlay(profile, changes) if changes else profile


def hastened(profile: Profile) -> Profile:
    """Return the profile with shorter rests: nothing happens in them that could be cut.

    A day between two queries, or a week until a failed image is tried again, is no more to a sweep
    than an hour, and a sleepy bridge polls all the while.
    """
    document = plain(profile)
    longest = {key: document[table][name] for key in _RESTS for table, name in [key.split(".")]}
    return overlay(profile, {key: min(longest[key], most) for key, most in _RESTS.items()})


#: The longest rests of a swept bridge, in seconds.
_RESTS = {"ota.query_period_s": 3600, "ota.query_jitter_s": 60, "boot.retry_after_s": 7200}


def rest_us(life: Life, profile: Profile) -> Us:
    """Return for how long a bridge must do nothing but query until it counts as at rest."""
    flawed = any(one.flaw in _TRAITS for one in life.offers)
    rest_s = profile.boot.retry_after_s if flawed else 0
    if life.retried:  # the query at which it may be tried again is still to come
        rest_s += profile.ota.query_period_s + 2 * profile.ota.query_jitter_s
    return rest_s * SECOND + 1


def images_of(life: Life, profile: Profile, size: Octets) -> dict[int, bytes]:
    """Return the octets of every image of a life, by version.

    Args:
        life: Which one.
        profile: Whom the images are for.
        size: Octets of each offered file; the first image is small.

    Raises:
        LifeError: A file cannot be that small, or does not fit a slot.
    """
    start, end = profile.flash.slot_a
    if size > end - start:
        raise LifeError(f"--size: found {size}, wanted at most {end - start}, the slot's octets")
    made = {life.first: built(profile, filler(_FIRST_SIZE, life.first), life.first)}
    for one in life.offers:
        traits = _TRAITS.get(one.flaw, Trait(0))
        least = len(built(profile, b"", one.version, traits=traits))
        if size <= least:
            raise LifeError(f"--size: found {size}, wanted more than {least}, an empty file's")
        made[one.version] = built(
            profile, filler(size - least, one.version), one.version, traits=traits
        )
    return made


def others_of(life: Life, profile: Profile, size: Octets) -> dict[int, tuple[bytes, ...]]:
    """Return what is offered beside the bridge's own image, by version.

    Args:
        life: Which one.
        profile: Says which other images the bridge needs.
        size: Octets of each payload.
    """
    alone: dict[str, object] = {"ota.more_image_types": []}
    others = [
        overlay(profile, {**alone, "ota.image_type": one}) for one in profile.ota.more_image_types
    ]
    return {
        one.version: tuple(
            built(other, filler(size, one.version + number), one.version)
            for number, other in enumerate(others, 1)
        )
        for one in life.offers
    }


def served_of(
    life: Life, images: Mapping[int, bytes], others: Mapping[int, Sequence[bytes]]
) -> tuple[tuple[Served, ...], ...]:
    """Return what a hub serves, offer by offer: a spoilt image has an octet changed.

    Args:
        life: Which one.
        images: By version, as ``images_of`` makes them.
        others: What is served beside them, as ``others_of`` makes it.
    """
    return tuple(
        (
            served(_spoilt(images[one.version], one.flaw)),
            *(served(octets) for octets in others[one.version]),
        )
        for one in life.offers
    )


def _spoilt(octets: bytes, flaw: Flaw) -> bytes:
    if flaw is not Flaw.SPOILT:
        return octets
    middle = len(octets) // 2
    return octets[:middle] + bytes((octets[middle] ^ 0x01,)) + octets[middle + 1 :]
