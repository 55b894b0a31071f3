"""Hold the session vectors and their player: what a script may say, what a wrong one is told."""

import copy
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from emulator.profiles.load import load, names, overlay
from harness.bench import Bench
from harness.report.model import CaseResult
from harness.runner import run_suite
from harness.suite import Chosen, RunOptions
from harness.vectors.load import load_vectors
from harness.vectors.model import Vector
from harness.vectors.schema import schema_errors
from harness.vectors.session import AS_SCRIPTED, CONTROL, Played, play, upgrade_honestly
from harness.vectors.session_script import read_script
from harness.vectors.session_terms import ScriptError
from harness.verdict import Outcome

VECTORS = load_vectors(None, "session")
PROFILE = load(names()[0])
BLOCK = {"frame": "ImageBlockRequest", "fields": {"file_offset": "same"}}
ABORT = {"answer": {"frame": "ImageBlockResponse", "fields": {"status": "ABORT"}}}
WAIT = {
    "answer": {
        "frame": "ImageBlockResponse",
        "fields": {"status": "WAIT_FOR_DATA", "request_time_s": 10},
    }
}
TO_THE_END = {
    "server": {"answer": "honest"},
    "device": [{"frame": "UpgradeEndRequest", "fields": {"status": "SUCCESS"}}],
    "over": {"ImageBlockRequest": {"answer": "honest"}},
}
NEW = {"running": ["new"], "status": ["NORMAL"], "end": ["SUCCESS"]}
OLD = {"running": ["old"], "status": ["NORMAL"], "end": ["none"]}


def body(*steps: Mapping[str, Any], **more: object) -> dict[str, Any]:
    """Return a script that begins at the sixth block, with an honest end where none is given."""
    whole = {"start": {"block": 5}, "steps": list(steps), "expect": NEW, **more}
    return copy.deepcopy(whole)


def played(given: Mapping[str, Any], **changes: object) -> Played:
    profile = overlay(PROFILE, changes) if changes else PROFILE
    bench = Bench(profile)
    try:
        return play(bench, read_script("SE-999", given))
    finally:
        bench.close()


def results(profile: str) -> list[CaseResult]:
    chosen = Chosen(profile=load(profile), given=profile)
    return list(
        run_suite(RunOptions(profiles=(chosen,), match=("session_goes_as_scripted",))).results
    )


# The vectors.


@pytest.mark.parametrize("profile", names())
def test_every_vector_passes_on_every_profile(profile: str) -> None:
    seen = results(profile)
    assert len(seen) == len(VECTORS)
    other = {one.id.rpartition("/")[2]: one for one in seen if one.verdict is not Outcome.PASSED}
    # SE-107 judges sleepy end devices; who states that it is none is not judged.
    sleeps = load(profile).sleep is not None
    assert {name: one.verdict for name, one in other.items()} == (
        {} if sleeps else {f"SE-107[{profile}]": Outcome.UNSUPPORTED}
    )
    assert all(one.reason == "the profile states no OTA.CLIENT.SLEEPY" for one in other.values())


def test_there_are_enough_vectors_of_every_kind() -> None:
    assert len(VECTORS) >= 60
    topics = Counter(one.topic for one in VECTORS)
    assert set(topics) == {
        *("query", "blocks", "waits", "ends"),
        *("notify", "pages", "power", "field_bugs"),
    }
    assert min(topics.values()) >= 10


@pytest.mark.parametrize("vector", VECTORS, ids=[one.id for one in VECTORS])
def test_every_script_judges_something(vector: Vector) -> None:
    script = read_script(vector.id, vector.body)
    judged = [step for step in script.steps if step.wanted or step.reads]
    strict = script.running != ("old", "new") and len(set(script.running)) == 1
    assert judged or strict
    assert script.running


# What a script may not say.

WRONG = [
    ({"server": {"anser": "honest"}}, "server: found 'anser', wanted one of "),
    ({"server": {"answer": "maybe"}}, 'server: found \'maybe\', wanted "honest", "nothing"'),
    ({"server": {"answer": "honest", "send": {}}}, "wanted one of answer, send"),
    ({"server": {"answer": {"frame": "ImageBlockRequest"}}}, "frame: found 'ImageBlockRequest'"),
    (
        {"server": {"answer": {"frame": "ImageBlockResponse", "fields": {"file_ofset": 1}}}},
        "status; did you mean file_offset?",
    ),
    (
        {"server": {"answer": {"frame": "ImageBlockResponse", "fields": {"status": "STOP"}}}},
        "fields.status: found 'STOP'",
    ),
    (
        {"server": {"answer": {"frame": "ImageBlockResponse", "fields": {"file_offset": "own"}}}},
        "fields.file_offset: found 'own'",
    ),
    (
        {"server": {"answer": {"frame": "ImageBlockResponse", "octets": [{"flip": 1}]}}},
        "octets: found {'flip': 1}, wanted cut, append, or at and put",
    ),
    (
        {"server": {"answer": {"frame": "ImageBlockResponse", "fields": {"data": {"more": 1}}}}},
        "fields.data: found 'more'",
    ),
    ({"server": {"power": "flicker"}}, "power: found 'flicker'"),
    ({"server": {"serve": "newest"}}, "serve: found 'newest'"),
    ({"server": {"pause_s": -1}}, "found -1, wanted seconds"),
    ({"devise": "none"}, "; did you mean device?"),
    ({"device": "nothing", "within_s": 1}, "device: found 'nothing', wanted \"none\" or a list"),
    ({"device": "none"}, "within_s: found nothing, wanted seconds"),
    ({"device": [{"frame": "ImageBlockResponse"}]}, "frame: found 'ImageBlockResponse'"),
    ({"device": [{**BLOCK, "then": "stop"}]}, "then: found 'stop'"),
    ({"device": [BLOCK], "over": {"ImageBlockRequest": {"answer": "late"}}}, "over.answer: found"),
    ({"within_s": 5}, "device: found nothing, wanted what the other keys"),
    ({"read": {"UPGRADE_STATUS": ["NORMAL"]}}, "read: found 'UPGRADE_STATUS'"),
    ({"read": {"IMAGE_UPGRADE_STATUS": ["IDLE"]}}, "read.IMAGE_UPGRADE_STATUS: found 'IDLE'"),
    ({"read": {"FILE_OFFSET": []}}, "read.FILE_OFFSET: found [], wanted a list"),
]


@pytest.mark.parametrize(("step", "complaint"), WRONG, ids=[one[1][:28] for one in WRONG])
def test_a_wrong_step_is_refused(step: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ScriptError) as refused:
        read_script("SE-999", body(TO_THE_END, step))
    assert str(refused.value).startswith("SE-999: step 2: ")
    assert complaint in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"start": "asleep"}, "start: found 'asleep'"),
        ({"start": {"block": "first"}}, "start.block: found 'first'"),
        ({"image": {"version": "newest"}}, "image.version: found 'newest'"),
        ({"image": {"octets": 1}}, "image: found 'octets'"),
        ({"hub": {"offers": "some"}}, "hub.offers: found 'some'"),
        ({"hub": {"pages": {"paging": "lost"}}}, "hub.pages.paging: found 'lost'"),
        ({"expect": {"running": ["both"]}}, "expect.running: found 'both'"),
        ({"expect": {"state": ["IDLE"]}}, "expect: found 'state'"),
    ],
)
def test_a_wrong_script_is_refused(more: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ScriptError, match=r"^SE-999: ") as refused:
        read_script("SE-999", body(TO_THE_END, **more))
    assert complaint in str(refused.value)


def test_an_answer_needs_a_request() -> None:
    twice = body(TO_THE_END, {"server": {"answer": "honest"}}, {"server": {"answer": "honest"}})
    with pytest.raises(ScriptError, match="SE-999: step 3: answer: found no open request"):
        played(twice)


@pytest.mark.parametrize("key", ["server", "device", "may", "over", "read", "within_s", "repeat"])
def test_the_schema_refuses_what_the_player_refuses(key: str) -> None:
    vector = {
        **{"id": "SE-999", "comment": "a wrong step", "flags": ["Wrong"]},
        **{"requirements": ["OTA-C-057"], **body({key: {"nobody": "knows this"}})},
    }
    document = {
        **{"schema": "session-1", "about": "A script that is wrong."},
        "notes": {"Wrong": {"kind": "test", "text": "It is wrong.", "source": "none"}},
        "vectors": [vector],
    }
    assert list(schema_errors("session/wrong.json", "session", document))
    vector["steps"] = [TO_THE_END]
    assert list(schema_errors("session/right.json", "session", document)) == []


# What a device that leaves the script is told.

HONEST = {"server": {"answer": "honest"}}
PLANTED = [
    (
        body({"server": ABORT, "device": [BLOCK], "within_s": 60}, expect=OLD),
        ("step 1: silence", "step 1: ImageBlockRequest (file_offset same) within 60 s"),
    ),
    (
        body({"server": WAIT, "device": "none", "within_s": 30}),
        ("step 1: ImageBlockRequest (", "step 1: silence within 30 s"),
    ),
    (
        body({"server": WAIT, "device": [BLOCK], "not_before_s": 20}),
        ("step 1: ImageBlockRequest (", "step 1: not before 20 s"),
    ),
    (
        body({**HONEST, "device": [BLOCK]}),
        ("step 1: ImageBlockRequest (", "step 1: ImageBlockRequest (file_offset same)"),
    ),
    (
        body(TO_THE_END | {"over": {"ImageBlockRequest": {"answer": "honest", "most": 2}}}),
        ("step 1: 3 of ImageBlockRequest", "step 1: 2 at most"),
    ),
    (
        body(TO_THE_END | {"over": {"ImageBlockRequest": {"answer": "honest", "apart_s": 3}}}),
        ("step 1: ImageBlockRequest 0.", "step 1: 3 s at least"),
    ),
    (
        body({"read": {"IMAGE_UPGRADE_STATUS": ["NORMAL", "COUNT_DOWN"]}}),
        (
            "step 1: IMAGE_UPGRADE_STATUS DOWNLOAD_IN_PROGRESS",
            "step 1: NORMAL or COUNT_DOWN",
        ),
    ),
    (
        body({"read": {"FILE_OFFSET": [{"plus": 1}]}}),
        ("step 1: FILE_OFFSET 0xc8", "step 1: plus 1"),
    ),
    (
        body(TO_THE_END, expect=NEW | {"running": ["old"]}),
        ("end: running version 0x02000000", "end: old (0x01000000)"),
    ),
    (
        body(TO_THE_END, expect=NEW | {"end": ["INVALID_IMAGE", "none"]}),
        ("end: last end status SUCCESS", "end: INVALID_IMAGE or none"),
    ),
    (
        body(TO_THE_END, expect=NEW | {"status": ["COUNT_DOWN"]}),
        ("end: ImageUpgradeStatus NORMAL", "end: COUNT_DOWN"),
    ),
    (
        body({"server": ABORT, "device": "none", "within_s": 60}),
        ("end: last end status none", "end: SUCCESS"),
    ),
    (
        body(start="page"),
        ("start: ImageBlockRequest (", "start: ImagePageRequest within"),
    ),
]


@pytest.mark.parametrize(("given", "told"), PLANTED, ids=[one[1][1] for one in PLANTED])
def test_a_planted_wrong_expectation_fails(given: dict[str, Any], told: tuple[str, str]) -> None:
    seen = played(given)
    assert seen.found.startswith(told[0])
    assert seen.wanted.startswith(told[1])
    assert not seen.upgraded


def test_a_right_script_is_played_to_its_end() -> None:
    assert played(body(TO_THE_END)) == Played(found=AS_SCRIPTED, wanted=AS_SCRIPTED, upgraded=True)
    stopped = body({"server": ABORT, "device": "none", "within_s": 60}, expect=OLD)
    assert played(stopped) == Played(found=AS_SCRIPTED, wanted=AS_SCRIPTED, upgraded=False)


def test_a_script_ends_where_it_says() -> None:
    never = {"device": [{"frame": "ImagePageRequest"}], "within_s": 1}
    ends = {"server": ABORT, "device": [{"frame": "none", "then": "end"}], "within_s": 60}
    assert played(body(ends, never, expect=OLD)).found == AS_SCRIPTED
    goes_on = {"server": ABORT, "device": "none", "within_s": 60}
    assert played(body(goes_on, never, expect=OLD)).found == "step 2: silence"


def test_what_may_come_is_not_judged_and_what_may_not_is() -> None:
    empty = {"frame": "ImageBlockResponse", "fields": {"data": {"octets": 0}}}
    step = {"server": {"answer": empty}, "device": [BLOCK]}
    refusal = {"frame": "DefaultResponse", "fields": {"status": "INVALID_VALUE"}}
    assert played(body({**step, "may": [refusal]}, TO_THE_END)).found == AS_SCRIPTED
    assert played(body(step, TO_THE_END)).found.startswith("step 1: DefaultResponse (command 5, ")


@pytest.mark.parametrize(
    "changes",
    [{}, {"ota.activation_policy": 1}, {"ota.timeout_policy": 1, "ota.past_upgrade": "poll"}],
    ids=["plain", "out_of_band", "polls"],
)
@pytest.mark.parametrize("start", ["idle", "query", "end", "waiting"])
def test_the_control_upgrades_from_any_stage(start: str, changes: dict[str, object]) -> None:
    bench = Bench(overlay(PROFILE, changes))
    script = read_script("SE-999", {"start": start, "steps": [], "expect": {"running": ["old"]}})
    play(bench, script)
    assert upgrade_honestly(bench) == bench.version(CONTROL)
    bench.close()


def test_the_control_fails_on_a_device_that_takes_nothing() -> None:
    bench = Bench(PROFILE)
    play(bench, read_script("SE-999", {"start": "idle", "expect": {"running": ["old"]}}))
    bench.hub.settings.whitelist = frozenset()
    bench.cut_power()
    bench.lane.event = lambda what: None  # type: ignore[method-assign]
    bench.lane.power = lambda on: None  # type: ignore[method-assign]
    assert upgrade_honestly(bench) is None
    bench.close()
