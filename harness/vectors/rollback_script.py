"""Read the script of a rollback vector: images, events in order, and what must be seen after them.

Everything that a script names is checked before anything is played: a slip in the data is an error
of the data, never the verdict on a device.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from emulator.contract import Capability
from emulator.errors import ProfileError, WireError
from emulator.profiles.load import overlay
from emulator.profiles.model import Profile
from emulator.wire.ota import ImageUpgradeStatus, Status
from harness.hub.images import served
from harness.vectors.fit import fit
from harness.vectors.load import shown
from harness.vectors.model import Vector, VectorError
from harness.vectors.recipes import render

#: What a script calls the image that the device begins with.
OLD = "old"
#: What it calls nothing: no verdict, no version.
NONE = "none"
_LONGEST_S = 31_536_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Say what must be seen from outside; None: it is not looked at.

    Args:
        runs: Name of the image whose version attribute 0x0002 shows.
        status: Values of attribute 0x0006 that are right.
        downloaded: Names of the images whose version attribute 0x0004 may show, or ``none``.
        fetched: How often the download of an image began at its first octet: the right numbers.
    """

    runs: str | None = None
    status: tuple[ImageUpgradeStatus, ...] | None = None
    downloaded: tuple[str, ...] | None = None
    fetched: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Be one step of a script: a verb, what it is done with, and what else is said of it."""

    number: int
    verb: str
    value: Any
    more: Mapping[str, Any]

    def __str__(self) -> str:
        said = "" if isinstance(self.value, Check) else f" {_words(self.value)}"
        return f"event {self.number}, {self.verb}{said}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Be one vector, ready to be played."""

    id: str
    capabilities: tuple[Capability, ...]
    #: How each image is made, by its name (``harness.vectors.recipes``).
    recipes: Mapping[str, Mapping[str, Any]]
    #: The folder of vectors whose bases the recipes name.
    folder: Path
    events: tuple[Event, ...]
    expect: Check


def read_script(vector: Vector) -> Script:
    """Return the script of a vector.

    Raises:
        VectorError: It says something that no player knows, or names what is not there.
    """
    reader = _Reader(vector)
    recipes = reader.recipes()
    reader.names = (OLD, *recipes)
    events = reader.events()
    capabilities = reader.capabilities()
    if any("traits" in recipe.get("build", {}) for recipe in recipes.values()):
        capabilities += (Capability.TRAITS,)
    cuts = [one for one in events if one.verb in _CUTS]
    if cuts and Capability.POWER not in capabilities:
        wanted = f"{Capability.POWER} among them, for {cuts[0]}"
        raise reader.wrong("needs.capabilities", vector.needs.get("capabilities"), wanted)
    return Script(
        id=vector.id,
        capabilities=capabilities,
        recipes=recipes,
        folder=vector.folder,
        events=events,
        expect=reader.check("expect", vector.body.get("expect"), whole=True),
    )


def changes_for(vector: Vector, profile: Profile) -> Mapping[str, object]:
    """Return what must change of a profile for a vector to say something.

    Raises:
        VectorError: No profile can have the values that the vector needs.
    """
    try:
        changes = fit(profile, vector)
        overlay(profile, changes)
    except (ProfileError, ValueError) as error:
        raise vector.error("needs", str(error), "values that a profile may have") from None
    return changes


# What stands in a script.


Form: TypeAlias = Callable[["_Reader", str, Any], Any]


class Verb(NamedTuple):
    """Say what a verb takes: its own value, and by name what may or must stand beside it."""

    value: Form
    more: Mapping[str, Form] = MappingProxyType({})
    required: frozenset[str] = frozenset()


def _number(least: int, most: int) -> Form:
    def read(reader: "_Reader", place: str, value: Any) -> int:  # noqa: ANN401 - any JSON
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise reader.wrong(place, value, f"an integer from {least} to {most}")
        return value

    return read


def _word(*words: str) -> Form:
    def read(reader: "_Reader", place: str, value: Any) -> str:  # noqa: ANN401 - any JSON
        if not isinstance(value, str) or value not in words:
            raise reader.wrong(place, value, f"one of {', '.join(words)}")
        return value

    return read


def _some(form: Form, least: int = 1) -> Form:
    def read(reader: "_Reader", place: str, value: Any) -> tuple[Any, ...]:  # noqa: ANN401 - JSON
        if not isinstance(value, list) or len(value) < least:
            raise reader.wrong(place, value, f"a list of {least} or more")
        return tuple(form(reader, f"{place}[{index}]", one) for index, one in enumerate(value))

    return read


def _image(reader: "_Reader", place: str, value: object) -> str:
    """Read the name of an image that can be offered; the first one cannot."""
    return str(_word(*reader.names[1:])(reader, place, value))


def _known(reader: "_Reader", place: str, value: object) -> str:
    return str(_word(*reader.names)(reader, place, value))


def _known_or_none(reader: "_Reader", place: str, value: object) -> str:
    return str(_word(NONE, *reader.names)(reader, place, value))


def _end(reader: "_Reader", place: str, value: object) -> Status | None:
    """Read what an Upgrade End Request may say, or that there is none."""
    word = _word(NONE, "SUCCESS", "INVALID_IMAGE", "ABORT")(reader, place, value)
    return None if word == NONE else Status[word]


def _status(reader: "_Reader", place: str, value: object) -> ImageUpgradeStatus:
    return ImageUpgradeStatus[_word(*ImageUpgradeStatus.__members__)(reader, place, value)]


def _seen(reader: "_Reader", place: str, value: object) -> Check:
    return reader.check(place, value)


def _upgrade_time(reader: "_Reader", place: str, value: object) -> int | str:
    if isinstance(value, str):
        return str(_word("now", "wait", "unsaid")(reader, place, value))
    return int(_number(1, _LONGEST_S)(reader, place, value))


_ENDS = _some(_end)
_SECONDS = _number(1, _LONGEST_S)
_TIMES = {"off_s": _SECONDS, "times": _number(1, 20), "on_s": _SECONDS}

VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        # What the hub serves, says and lets the device do.
        "offer": Verb(_image, {"verdict": _ENDS}, frozenset({"verdict"})),
        "download": Verb(_image, {"octets": _number(-1, 400_000)}, frozenset({"octets"})),
        "serve": Verb(_some(_image, least=0)),
        "notify": Verb(_word("unicast", "broadcast")),
        "hub": Verb(_word("silent", "crashed", "back", "back without memory")),
        "refuse_queries": Verb(_number(1, 100)),
        "refuse_end": Verb(_number(1, 100)),
        "upgrade_time": Verb(_upgrade_time),
        "release": Verb(_image),
        "policy": Verb(_word("upgrades", "reinstalls", "downgrades", "any")),
        "member": Verb(_word("expelled", "readmitted")),
        "activate": Verb(_word("outside")),
        # The supply.
        "cut": Verb(_word("now", "at restart"), _TIMES),
        "power_cycle": Verb(_number(1, 20), {"off_s": _SECONDS}),
        # Time.
        "wait_s": Verb(_SECONDS),
        "wait_trial_percent": Verb(_number(1, 1000)),
        # What is judged on the way.
        "next_verdict": Verb(_ENDS),
        "query_within_s": Verb(_SECONDS),
        "quiet_s": Verb(_SECONDS),
        "check": Verb(_seen),
    }
)
_CUTS = frozenset({"cut", "power_cycle"})
_NEEDS = ("container", "manifest", "verify", "changes", "capabilities")
_SERVED = frozenset({"offer", "download", "serve", "release"})


class _Reader:
    """Turn the JSON of one vector into a script, and complain of the first thing wrong."""

    def __init__(self, vector: Vector) -> None:
        self._vector = vector
        self.names: tuple[str, ...] = (OLD,)

    def wrong(self, place: str, found: object, wanted: str) -> Exception:
        """Return the error of one place."""
        return self._vector.error(place, shown(found), wanted)

    def table(self, place: str, value: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        """Return a value that must be an object."""
        if not isinstance(value, dict):
            raise self.wrong(place, value, "an object")
        return value

    def _keys(self, place: str, value: Mapping[str, Any], known: Sequence[str]) -> None:
        for key in value:
            if key not in known:
                raise self.wrong(f"{place}.{key}", value[key], f"one of {', '.join(known)}")

    def capabilities(self) -> tuple[Capability, ...]:
        """Return what the lane must be able to do."""
        needs = self._vector.needs
        self._keys("needs", needs, _NEEDS)
        word = _word(*Capability)
        found = _some(word, least=0)(self, "needs.capabilities", needs.get("capabilities", []))
        return tuple(Capability(one) for one in found)

    def recipes(self) -> dict[str, Mapping[str, Any]]:
        """Return how each image is made, by its name, once it is seen that it can be."""
        images = self.table("images", self._vector.body.get("images"))
        for taken in (OLD, NONE):
            if taken in images:
                raise self.wrong(f"images.{taken}", images[taken], "another name, this one is ours")
        if not images:
            raise self.wrong("images", images, "one image or more")
        for name, value in images.items():
            place = f"images.{name}"
            recipe = self.table(place, value)
            self._keys(place, recipe, ("base", "build", "edits", "sha256"))
            try:
                served(render(recipe, folder=self._vector.folder))
            except VectorError as error:
                raise self._vector.error(
                    f"{place}.{error.field}", error.found, error.wanted
                ) from None
            except (WireError, KeyError) as error:
                raise self._vector.error(place, str(error), "a file that can be offered") from None
        return images

    def events(self) -> tuple[Event, ...]:
        """Return the events, in order; numbers begin at 1."""
        rows = self._vector.body.get("events")
        if not isinstance(rows, list) or not rows:
            raise self.wrong("events", rows, "a list of one event or more")
        events = tuple(self._event(number, row) for number, row in enumerate(rows, 1))
        values = [one.value for one in events if one.verb in _SERVED]
        named = {name for one in values for name in ((one,) if isinstance(one, str) else one)}
        for name in self.names[1:]:
            if name not in named:
                raise self.wrong(f"images.{name}", name, "an image that an event serves")
        return events

    def _event(self, number: int, value: object) -> Event:
        place = f"events[{number}]"
        row = self.table(place, value)
        verbs = [key for key in row if key in VERBS]
        if len(verbs) != 1:
            raise self.wrong(place, row, f"exactly one of {', '.join(VERBS)}")
        name = verbs[0]
        verb, beside = VERBS[name], {key: one for key, one in row.items() if key != name}
        self._keys(f"{place}.{name}", beside, tuple(verb.more))
        for key in verb.required:
            if key not in beside:
                raise self.wrong(f"{place}.{name}", row, f"{key} beside it")
        more = {key: verb.more[key](self, f"{place}.{key}", one) for key, one in beside.items()}
        told = verb.value(self, f"{place}.{name}", row[name])
        return Event(number=number, verb=name, value=told, more=more)

    def check(self, place: str, value: object, *, whole: bool = False) -> Check:
        """Return what must be seen; ``whole``: all of it is said, as at the end of a script."""
        row = self.table(place, value)
        known = ("runs", "status", "downloaded", "fetched")
        self._keys(place, row, known)
        for key in known if whole else ():
            if key not in row:
                raise self.wrong(place, row, f"{key} in it")
        if not row:
            raise self.wrong(place, row, f"one of {', '.join(known)}")
        fetched = self.table(f"{place}.fetched", row.get("fetched", {}))
        counts = _some(_number(0, 100))
        made: dict[str, Any] = {
            "fetched": {
                _image(self, f"{place}.fetched", name): counts(self, f"{place}.fetched.{name}", one)
                for name, one in fetched.items()
            }
        }
        forms = {"runs": _known, "status": _some(_status), "downloaded": _some(_known_or_none)}
        for key, form in forms.items():
            if key in row:
                made[key] = form(self, f"{place}.{key}", row[key])
        return Check(**made)


def _words(value: object) -> str:
    if isinstance(value, tuple):
        return " or ".join(NONE if one is None else getattr(one, "name", str(one)) for one in value)
    return str(value)
