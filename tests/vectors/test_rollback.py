"""Hold the player of the rollback vectors to its word: wrong scripts and wrong devices are seen."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from emulator.profiles.load import load, names, overlay
from harness.bench import Bench
from harness.data import vectors as shipped
from harness.vectors.load import load_vectors
from harness.vectors.model import Vector, VectorError
from harness.vectors.rollback import LATER_VERSION, Mismatch, play, upgraded_once_more
from harness.vectors.rollback_script import OLD, VERBS, changes_for, read_script

VECTORS = {one.id: one for one in load_vectors(None, "rollback")}
PROFILES = names()
#: A good image; a mute one with a short trial.
GOOD, MUTE = VECTORS["RB-001"], VECTORS["RB-006"]

Change = Callable[[dict[str, Any]], object]


def changed(vector: Vector, change: Change) -> Vector:
    """Return a vector with something of its JSON changed."""
    body = copy.deepcopy(dict(vector.body))
    change(body)
    return replace(vector, body=body, needs=body["needs"])


def bench_for(vector: Vector, profile: str, kind: type[Bench] = Bench) -> Bench:
    """Return a bench for a vector, its device up."""
    own = load(profile)
    bench = kind(overlay(own, changes_for(vector, own)))
    bench.start()
    return bench


def outcome(vector: Vector, profile: str = PROFILES[0], kind: type[Bench] = Bench) -> str:
    """Play a vector and return the complaint; empty if there is none."""
    try:
        play(read_script(vector), bench_for(vector, profile, kind))
    except Mismatch as mismatch:
        return str(mismatch)
    return ""


def put(*path: str | int, value: object) -> Change:
    """Return a change that puts a value at a path into a vector."""

    def change(body: dict[str, Any]) -> None:
        place: Any = body
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


@pytest.mark.parametrize("profile", PROFILES)
def test_every_vector_passes_on_every_profile(profile: str) -> None:
    found = {id: outcome(vector, profile=profile) for id, vector in VECTORS.items()}
    assert {id: complaint for id, complaint in found.items() if complaint} == {}
    assert len(found) >= 40


def test_no_vector_passes_with_another_version_at_its_end() -> None:
    passed = []
    for vector in VECTORS.values():
        runs = vector.body["expect"]["runs"]
        other = OLD if runs != OLD else next(iter(vector.body["images"]))
        if vector.id == "RB-134":  # its image has the version of the old one
            continue
        complaint = outcome(changed(vector, put("expect", "runs", value=other)))
        if f"({other})" not in complaint:
            passed.append((vector.id, complaint))
    assert passed == []


#: What is planted, and what must be said: the event, what was found, what was wanted.
WRONG = [
    (
        GOOD,
        put("events", 0, "verdict", value=["INVALID_IMAGE", "none"]),
        "RB-001, event 1, offer good: verdict: found SUCCESS (0x00), wanted INVALID_IMAGE (0x96)"
        " or none",
    ),
    (
        GOOD,
        put("events", 1, value={"quiet_s": 60}),
        "RB-001, event 2, quiet_s 60: frames heard: found ",
    ),
    (
        GOOD,
        lambda body: body["events"].append({"check": {"runs": "old"}}),
        "RB-001, event 3, check: running version: found 0x02000000, wanted 0x01000000 (old)",
    ),
    (
        MUTE,
        put("events", 3, "query_within_s", value=5),
        "RB-006, event 4, query_within_s 5: query: found none, wanted one within 5 s",
    ),
    (
        GOOD,
        put("expect", "status", value=["COUNT_DOWN", "WAITING_TO_UPGRADE"]),
        "RB-001, the end: status: found NORMAL (0x00), wanted COUNT_DOWN (0x04) or"
        " WAITING_TO_UPGRADE (0x03)",
    ),
    (
        GOOD,
        put("expect", "downloaded", value=["good"]),
        "RB-001, the end: downloaded version: found none, wanted good",
    ),
    (
        GOOD,
        put("expect", "fetched", "good", value=[0, 2]),
        "RB-001, the end: downloads of good from octet 0: found 1, wanted 0 or 2",
    ),
    (
        GOOD,
        put("events", 1, value={"next_verdict": ["SUCCESS"]}),
        "RB-001, event 2, next_verdict SUCCESS: verdict: found none, wanted SUCCESS (0x00)",
    ),
]


@pytest.mark.parametrize(("vector", "change", "complaint"), WRONG, ids=[one[2] for one in WRONG])
def test_a_wrong_expectation_is_named(vector: Vector, change: Change, complaint: str) -> None:
    assert outcome(changed(vector, change)).startswith(complaint)


class Repeating(Bench):
    """Be a bench whose device uses a frame counter twice."""

    def frame_counters(self) -> list[int]:
        return [6, 7, 7, 8]


def test_a_frame_counter_that_goes_back_is_named() -> None:
    complaint = outcome(GOOD, kind=Repeating)
    assert complaint == "RB-001, the end: frame counter: found 7, wanted above 7"


def test_a_device_that_cannot_be_upgraded_fails_the_control() -> None:
    bench = bench_for(GOOD, PROFILES[0])
    assert upgraded_once_more(bench) == LATER_VERSION
    bench.cut_power()
    assert upgraded_once_more(bench) is None


#: What is planted in a script, the field that is named, and what was wanted there.
REFUSED = [
    (put("events", value=[]), "events", "a list of one event or more"),
    (put("events", 0, value={"verdict": ["SUCCESS"]}), "events[1]", "exactly one of offer"),
    (put("events", 0, value={"wait_s": 1, "quiet_s": 1}), "events[1]", "exactly one of"),
    (put("events", 0, value={"offer": "good"}), "events[1].offer", "verdict beside it"),
    (put("events", 0, "offer", value="bad"), "events[1].offer", "one of good"),
    (put("events", 0, "offer", value="old"), "events[1].offer", "one of good"),
    (put("events", 0, "verdict", value=["OK"]), "events[1].verdict[0]", "one of none, SUCCESS"),
    (put("events", 0, "verdict", value=[]), "events[1].verdict", "a list of 1 or more"),
    (put("events", 1, "off_s", value=1), "events[2].query_within_s.off_s", "one of "),
    (put("events", 1, value={"wait_s": True}), "events[2].wait_s", "an integer from 1"),
    (put("events", 1, value={"wait_s": 0}), "events[2].wait_s", "an integer from 1"),
    (put("events", 1, value={"upgrade_time": "soon"}), "events[2].upgrade_time", "one of now"),
    (put("events", 1, value={"check": {}}), "events[2].check", "one of runs"),
    (put("events", 1, value={"check": {"boots": "old"}}), "events[2].check.boots", "one of runs"),
    (put("events", 1, value={"cut": "now"}), "needs.capabilities", "power among them"),
    (put("events", 1, value="wait"), "events[2]", "an object"),
    (put("needs", "capabilities", value=["wings"]), "needs.capabilities[0]", "one of power"),
    (put("needs", "profile", value={}), "needs.profile", "one of container"),
    (put("images", value={}), "images", "one image or more"),
    (put("images", "old", value={}), "images.old", "another name"),
    (put("images", "spare", value=GOOD.body["images"]["good"]), "images.spare", "an image that"),
    (put("images", "good", "base", value="none"), "images.good.base", "one of"),
    (put("images", "good", "edits", value=[{"at": 0}]), "images.good.edits", "edits that can"),
    (put("images", "good", "edits", value=[{"keep": 3}]), "images.good", "a file that can be"),
    (put("images", "good", "traits", value=["mute"]), "images.good.traits", "one of base"),
    (put("expect", value={"runs": "good"}), "expect", "status in it"),
    (put("expect", "runs", value="new"), "expect.runs", "one of old, good"),
    (put("expect", "status", value=["IDLE"]), "expect.status[0]", "one of NORMAL"),
    (put("expect", "fetched", value={"old": [1]}), "expect.fetched", "one of good"),
    (put("expect", "fetched", value={"good": [-1]}), "expect.fetched.good[0]", "an integer from 0"),
]


@pytest.mark.parametrize(
    ("change", "field", "wanted"), REFUSED, ids=[str(n) for n, _ in enumerate(REFUSED)]
)
def test_a_wrong_script_is_refused(change: Change, field: str, wanted: str) -> None:
    with pytest.raises(VectorError) as raised:
        read_script(changed(GOOD, change))
    assert (raised.value.file, raised.value.id) == ("rollback/trial.json", "RB-001")
    assert raised.value.field == field
    assert raised.value.wanted.startswith(wanted)


@pytest.mark.parametrize(
    ("key", "value"), [("boot.trial_boots", 0), ("boot.boots", 1), ("ota.resume", "never")]
)
def test_a_profile_that_cannot_be_is_refused(key: str, value: object) -> None:
    vector = changed(GOOD, put("needs", "changes", value={key: value}))
    with pytest.raises(VectorError, match=f"RB-001: needs: .*{key}"):
        changes_for(vector, load(PROFILES[0]))


def test_schema_and_player_know_the_same_verbs() -> None:
    schema = json.loads((shipped() / "schema" / "rollback-1.json").read_text("utf-8"))
    event = schema["$defs"]["event"]
    assert [one["required"][0] for one in event["oneOf"]] == list(VERBS)
    beside = {name for verb in VERBS.values() for name in verb.more}
    assert set(event["properties"]) == set(VERBS) | beside


def test_every_verb_is_used_by_a_vector() -> None:
    used = {key for vector in VECTORS.values() for row in vector.body["events"] for key in row}
    assert set(VERBS) - used == set()
