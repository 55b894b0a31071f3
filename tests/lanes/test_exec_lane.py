"""Over the exec: lane a device behaves as in this process, and every line fits the schema."""

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from emulator.actions import Activate, Battery
from emulator.contract import Capability
from emulator.errors import LinkError
from emulator.faults import CutKind, CutPower
from emulator.link.json_form import KINDS
from emulator.link.stdio import OPTIONAL, Servant, serve
from emulator.profiles.load import load, names, plain
from emulator.units import HOUR, MINUTE
from emulator.wire.manifest import Trait
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.lanes.exec import CONVERSATIONS, ExecLane, schema
from harness.lanes.program import files_of
from harness.runner import run_suite
from harness.suite import Chosen, RunOptions
from harness.verdict import Outcome, Unsupported
from tests.lanes.device_programs import emulated, write_program

#: Trials, strangers, a second device, other settings, the probe, worn flash.
SAMPLE = ("query::", "rollback::", "strangers::", "policies::", "wear::")


@pytest.fixture(autouse=True, scope="module")
def _no_program_stays() -> Iterator[None]:
    yield
    CONVERSATIONS.close()


def device(bench: Bench) -> ExecLane:
    assert isinstance(bench.lane, ExecLane)
    return bench.lane


def judged(profile: str, link: str, *match: str) -> dict[str, tuple[object, ...]]:
    """Return verdict, reason, time and datagrams of each case."""
    chosen = (Chosen(profile=load(profile), given=profile),)
    return {
        result.id: (result.verdict, result.reason, result.duration_us, result.datagrams)
        for result in run_suite(RunOptions(profiles=chosen, link=link, match=match)).results
    }


@pytest.mark.parametrize("profile", names())
def test_a_sample_of_cases_has_the_same_verdicts_as_direct(profile: str) -> None:
    """Any emulated bridge behind the pipe becomes what a case wants of it."""
    direct = judged(profile, "direct:", *SAMPLE)
    assert len(direct) > 25
    assert {each[0] for each in direct.values()} <= {Outcome.PASSED, Outcome.UNSUPPORTED}
    assert judged(profile, f"exec:{emulated('B1')}", *SAMPLE) == direct


@pytest.mark.parametrize("profile", names())
def test_every_line_of_a_life_fits_the_schema(profile: str) -> None:
    lines: list[bytes] = []
    bench = Bench(load(profile), link=f"exec:{emulated(profile)}")
    device(bench).conversation.heard = lines.append
    bench.start()
    assert bench.upgrade(bench.image()) == NEXT_VERSION
    bench.lane.event(Battery(percent=5))
    bench.lane.event(Activate())
    bench.offer(bench.image(NEXT_VERSION + 1, traits=Trait.CRASHES | Trait.MUTE))
    bench.settle(4 * HOUR)
    assert device(bench).device.operations() > 0
    with pytest.raises(LinkError, match="found error \"call: found 'dance', wanted one of hello"):
        device(bench).conversation.ask("dance")
    bench.close()
    said = [json.loads(line) for line in lines]
    assert {one["call"] for one in said if "call" in one} >= {
        *("power_on", "power_off", "receive", "wake", "event", "operations"),
    }
    validator = jsonschema.Draft202012Validator(schema())
    for one in said:
        if one.get("call") != "dance":
            assert not list(validator.iter_errors(one)), one


def test_the_schema_names_every_kind_with_its_fields() -> None:
    declared = schema()["$defs"]
    kinds = [declared["datagram"], declared["identity"]]
    kinds += declared["action"]["oneOf"] + declared["event"]["oneOf"]
    kinds += [one for one in declared["content"]["oneOf"] if "$ref" not in one]
    for one in kinds:
        kind = KINDS[one["properties"]["kind"]["const"]]
        assert list(one["properties"]) == ["kind", *(each.name for each in fields(kind))]
        needed = [each.name for each in fields(kind) if each.default is MISSING]
        assert one["required"] == ["kind", *needed]
        assert one["additionalProperties"] is False
    stimuli = {"Receive", "Wake", "PowerOn", "PowerOff"}  # calls of their own
    assert {one["properties"]["kind"]["const"] for one in kinds} == KINDS.keys() - stimuli
    listed = declared["hello_reply"]["properties"]["capabilities"]["items"]["enum"]
    assert listed == sorted(str(each) for each in OPTIONAL)


BAD_LINES: list[Any] = [
    {"id": 1},
    {"id": 1, "actions": []},
    {"id": 1, "actions": [], "deadline_us": -1},
    {"id": 1, "actions": [], "deadline_us": None, "deadline": 5},
    {"id": 1, "actions": [{"kind": "Dance"}], "deadline_us": None},
    {"id": 1, "actions": [{"kind": "Join", "eui64": 5, "rejoin": True}], "deadline_us": None},
    {"id": 1, "call": "dance"},
    {"id": 1, "call": "wake"},
    {"id": 1, "call": "event", "now_us": 0, "event": {"kind": "Wake"}},
    {"id": 1, "error": 5},
]


@pytest.mark.parametrize("line", BAD_LINES, ids=json.dumps)
def test_the_schema_refuses_what_is_no_line(line: Any) -> None:  # noqa: ANN401 - JSON
    assert list(jsonschema.Draft202012Validator(schema()).iter_errors(line))


# What a program cannot do makes cases unsupported.


def test_capabilities_are_those_of_the_program(tmp_path: Path) -> None:
    bare = Bench(load("B1"), link=f"exec:{write_program(tmp_path)}")
    assert bare.lane.capabilities & set(OPTIONAL) == set()
    assert {Capability.POWER, Capability.FRAME_FAULTS, Capability.VIRTUAL_TIME} <= set(
        bare.lane.capabilities
    )
    with pytest.raises(Unsupported, match="this lane has no traits"):
        bare.image(traits=Trait.MUTE)
    with pytest.raises(LinkError, match="shows nothing of flash"):
        bare.lane.damage(3)
    assert Bench(load("B1"), link=f"exec:{emulated('B1')}").lane.capabilities >= set(OPTIONAL)


def test_program_is_named_by_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that was changed under the same name is another; a word that is no file is none."""
    CONVERSATIONS.close()
    command = write_program(tmp_path)
    digests = []
    for change in ("", "\n# changed\n"):
        script = tmp_path / "device.py"
        script.write_text(script.read_text("utf-8") + change, "utf-8")
        digests.append(hashlib.sha256(script.read_bytes()).hexdigest())
        Bench(load("B1"), link=f"exec:{command}")  # stays open: the next one starts its own
    said = CONVERSATIONS.close()
    assert [one[f"sha256 of {tmp_path / 'device.py'}"] for one in said] == digests
    assert len(set(digests)) == 2
    assert {key for one in said for key in one if key.startswith("sha256 of")} == {
        f"sha256 of {tmp_path / 'device.py'}"
    }
    bare = tmp_path / "bin" / "device"
    bare.parent.mkdir()
    bare.write_bytes(b"#!/bin/sh\n")
    bare.chmod(0o755)
    monkeypatch.setenv("PATH", str(bare.parent))
    whole = {"octets": "10", "sha256": hashlib.sha256(b"#!/bin/sh\n").hexdigest()}
    for word in ("device", str(bare)):
        assert files_of([word, "-c", "x" * 9000, "a\0b", str(tmp_path)]) == {
            "file": str(bare),
            **whole,
        }
    assert files_of(["no-such-device"]) == {}


def test_a_device_without_settings_is_not_taken_for_another(tmp_path: Path) -> None:
    """A case that wants other settings is unsupported and names them; none passes."""
    command = write_program(tmp_path)
    found = judged("B1", f"exec:{command}", "policies::", "query::")
    verdicts = {each[0] for each in found.values()}
    assert Outcome.UNSUPPORTED in verdicts
    assert Outcome.PASSED not in verdicts
    reasons = " ".join(str(each[1]) for each in found.values())
    assert 'this device cannot be given other settings: ota.downgrade = "refuse"' in reasons


def test_a_device_without_settings_is_not_made_of_another_container(tmp_path: Path) -> None:
    """Its program never sees a first image of a kind that its profile does not have."""
    fault = "reply = {'id': request['id'], 'error': 'made'}"
    link = f"exec:{write_program(tmp_path, fault, at='factory')}"
    found = judged("B1", link, "IV-013", "FF-205")
    assert {each[0] for each in found.values()} == {Outcome.UNSUPPORTED}
    assert len(found) == 2
    for each in found.values():
        assert "cannot be given other settings" in str(each[1])
        assert 'image.container = "gbcs"' in str(each[1])
    usual = judged("B1", link, "query::").values()  # control: what its profile has, it is made of
    assert any(each[0] is Outcome.ERROR and "error 'made'" in str(each[1]) for each in usual)


def test_no_defect_is_planted_in_a_program() -> None:
    with pytest.raises(LinkError, match="no defect can be planted in a program"):
        Bench(load("B1"), link=f"exec:{emulated('B1')}", defect="D001")


# The probe.


def test_power_fails_at_the_operation_that_was_named() -> None:
    bench = Bench(load("B3"), link=f"exec:{emulated('B3')}")
    lane = device(bench)
    bench.start()
    begun = lane.device.operations()
    lane.device.cut_at(CutPower(operation=begun + 3, kind=CutKind.TORN, octets=5))
    bench.offer(bench.image(), limit_us=MINUTE)
    assert not lane.powered
    assert ("dut", "power lost") in {(row[1], row[2]) for row in bench.trace.rows}
    assert lane.device.operations() == begun + 4
    bench.start()
    assert bench.running_version() == FIRST_VERSION
    bench.close()


def test_a_damaged_image_is_dead_where_there_is_no_other() -> None:
    bench = Bench(load("B3"), link=f"exec:{emulated('B3')}")
    bench.start()
    bench.lane.damage(100)
    bench.cut_power()
    bench.lane.power(True)
    assert not bench.lane.powered
    assert ("dut", "dead") in {(row[1], row[2]) for row in bench.trace.rows}
    bench.close()


# The program's side, without a process.


def said(*requests: Any, profile: str = "B1") -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Return the replies of an emulated bridge to lines, given as JSON or as octets."""
    lines = [
        one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in requests
    ]
    replies = io.BytesIO()
    serve(Servant(load(profile)), lines, replies)
    return [json.loads(line) for line in replies.getvalue().splitlines()]


def factory(**more: object) -> dict[str, object]:
    bench = Bench(load("B1"))
    identity = {
        "kind": "Identity",
        "eui64": f"{bench.identity.eui64:016x}",
        "manufacturer": bench.identity.manufacturer,
        "image_type": bench.identity.image_type,
        "hardware_version": bench.identity.hardware_version,
    }
    made: dict[str, object] = {"id": 1, "call": "factory", "identity": identity}
    return {**made, "image": bench.image(1, size=64).hex(), "version": 1, "seed": "1f", **more}


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (b"nonsense\n", "wanted JSON"),
        (b"[1]\n", r"found [1], wanted an object"),
        ({"id": 1, "call": "dance"}, "call: found 'dance', wanted one of hello, factory"),
        ({"id": 1, "call": "hello", "protocol": 2}, "protocol: found 2, wanted 1"),
        ({"id": 1, "call": "power_on", "now_us": 0}, "found a call before factory"),
        ({"id": 1, "call": "operations"}, "found a call before factory"),
        (factory(seed=5), "seed: found 5, wanted a string"),
        (factory(image="0"), "fromhex"),
        (factory(version="1"), "version: found '1', wanted a number"),
        (factory(identity={"kind": "Poll"}), "identity: found Poll, wanted Identity"),
        (factory(settings=5), "settings: found 5, wanted a profile"),
        (factory(settings={"nom": 1}), "unknown key"),
        (factory(image="00" * 1_000_000), "octets"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_what_cannot_be_done_is_answered_with_error(request_: object, complaint: str) -> None:
    (reply,) = said(request_)
    assert set(reply) == {"id", "error"}
    assert complaint in reply["error"]


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        ({"call": "power_on"}, "now_us: found None, wanted a number"),
        ({"call": "receive", "now_us": 0}, "datagram: found None, wanted an object"),
        ({"call": "receive", "now_us": 0, "datagram": {"kind": "Poll"}}, "found Poll, wanted Data"),
        ({"call": "event", "now_us": 0, "event": {"kind": "Dance"}}, "kind 'Dance'"),
        ({"call": "cut_at", "operation": 1, "how": "gently"}, "how: found 'gently', wanted one of"),
        ({"call": "cut_at"}, "operation: found None"),
        ({"call": "damage", "offset": 1}, "damage while off"),
        ({"call": "damage", "offset": 1, "standby": 1}, "standby: found 1, wanted true or false"),
        ({"call": "wear"}, "sectors: found None, wanted a list"),
        ({"call": "wear", "sectors": ["a"]}, "sectors: found 'a', wanted addresses of flash"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_a_call_that_lacks_something_harms_nothing(call: dict[str, object], complaint: str) -> None:
    _, reply, then = said(factory(), {"id": 2, **call}, {"id": 3, "call": "power_on", "now_us": 0})
    assert (reply["id"], complaint in reply["error"]) == (2, True), reply
    assert [each["kind"] for each in then["actions"]][-1] == "Join"


def test_settings_make_another_device_and_are_forgotten() -> None:
    sleepy = plain(load("B4"))
    on = {"id": 2, "call": "power_on", "now_us": 0}
    replies = said(factory(), on, factory(settings=sleepy), on, factory(), on)
    joins = [each["actions"][-1]["sleepy"] for each in replies[1::2]]
    assert joins == [False, True, False]


def test_a_deadline_that_passed_is_now() -> None:
    """What is due comes at once, as in a world of this process."""
    late = 10**12
    on = {"id": 2, "call": "power_on", "now_us": 0}
    odd = {"kind": "Delivered", "aps_counter": 1, "success": True}
    *_, reply = said(factory(), on, {"id": 3, "call": "event", "now_us": late, "event": odd})
    assert reply["deadline_us"] == late


def test_it_ends_at_bye_and_reads_no_further() -> None:
    assert len(said({"id": 1, "call": "bye"}, {"id": 2, "call": "bye"})) == 1
