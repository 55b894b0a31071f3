"""The suite runs cases, judges how each ended, and nothing around it changes what it says."""

import json
import os
import re
import struct
from pathlib import Path

import pytest

from harness.recorder import safe_name
from harness.suite import built_in
from harness.verdict import Outcome
from tests.harness import planted
from tests.harness.planted import only, plant, run

#: Each way in which a case can end: its body, the verdict, what the reason says.
ENDINGS = [
    ("assert bench.running_version()", Outcome.PASSED, ""),
    ("assert bench.count(ota.ImageBlockRequest) == 7", Outcome.FAILED, "expected 7, seen 0"),
    ("raise Unsupported('no relay')", Outcome.UNSUPPORTED, "no relay"),
    ("raise Inconclusive('the control failed')", Outcome.INCONCLUSIVE, "the control failed"),
    ("raise LinkError('the stick is gone')", Outcome.ERROR, "LinkError: the stick is gone"),
    ("bench.nothing()", Outcome.ERROR, "AttributeError: .*'nothing'.*test_tiny.py:11"),
    ("pytest.skip('later')", Outcome.ERROR, "a case may not skip, it raises Unsupported: later"),
    ("pytest.xfail('known')", Outcome.ERROR, "XFailed|known"),
    ("raise SystemExit(0)", Outcome.ERROR, "SystemExit"),
]


@pytest.mark.parametrize(("body", "verdict", "reason"), ENDINGS)
def test_each_ending_has_its_verdict(
    tmp_path: Path, body: str, verdict: Outcome, reason: str
) -> None:
    result = only(run(plant(tmp_path, f"\ndef test_a(bench):\n    {body}\n")))
    assert result.verdict is verdict
    assert (result.reason == "") is (verdict is Outcome.PASSED)
    assert re.search(reason, result.reason)
    assert (result.traceback is not None) is (verdict is Outcome.ERROR)


#: What a failed assertion says: its text, what was expected, what was seen.
ASSERTIONS = [
    ("assert bench.offer(bench.image()) is Status.ABORT", "ABORT (0x95)", "SUCCESS (0x00)"),
    ("assert bench.running_version() == 2", "2", "16777216 (0x1000000)"),
    ("assert bench.running_version() != 0x1000000", "!= 16777216 (0x1000000)", "16777216 (0x1000"),
    ("assert bytes(3) == b'abc'", "61 62 63", "00 00 00"),
    ("assert bench.hub.images", "bench.hub.images", "[]"),
    ("assert not bench.address", "not bench.address", "not 6657"),
    ("bench.last(ota.ImagePageRequest)", "It works at last.", "no ImagePageRequest was heard"),
    ("assert (1 == 2 or True) and 3 > 4", "> 4", "3"),
    (
        "with pytest.raises(AssertionError):\n        assert 1 == 2\n    assert bench.hub.images",
        *("bench.hub.images", "[]"),
    ),
]


@pytest.mark.parametrize(("body", "expected", "seen"), ASSERTIONS)
def test_a_failure_says_what_was_expected_and_seen(
    tmp_path: Path, body: str, expected: str, seen: str
) -> None:
    doc = '"""Do it.\n\n    Expect: It works\n      at last.\n    """'
    result = only(run(plant(tmp_path, f"\ndef test_a(bench):\n    {doc}\n    {body}\n")))
    assert result.verdict is Outcome.FAILED
    assert result.expected == expected
    assert result.seen is not None
    assert result.seen.startswith(seen)


def test_a_comparison_of_the_case_before_is_forgotten(tmp_path: Path) -> None:
    code = """
def test_a(bench):
    assert bench.count(ota.ImageBlockRequest) == 7

def test_b(bench):
    assert not (bench.address == 6657)

def test_c(bench):
    assert bench.count(ota.ImageBlockRequest) == 7

def test_d(bench):
    assert all(each == 1 for each in (1, 2))
"""
    first, second, _, fourth = run(plant(tmp_path, code)).results
    assert (first.expected, first.seen) == ("7", "0")
    assert second.expected == "not bench.address == 6657"
    assert fourth.expected is not None
    assert fourth.expected.startswith("all(")


def test_a_failure_says_who_is_dead_at_its_end(tmp_path: Path) -> None:
    code = """
def test_a(bench):
    bench.trace(5_000_000, "dut", "dead", "no slot is valid")
    assert bench.count(ota.ImageBlockRequest) == 7

def test_b(bench):
    bench.trace(bench.now, "dut", "dead", "no slot is valid")
    bench.power_cycle()
    assert bench.count(ota.ImageBlockRequest) == 7
"""
    dead, alive = run(plant(tmp_path, code)).results
    assert dead.seen == "0; dut is dead since 5.000000 s: no slot is valid"
    assert alive.seen == "0"


def test_a_failure_names_the_last_frame_of_the_cluster(tmp_path: Path) -> None:
    code = """
def test_a(bench):
    bench.offer(bench.image().replace(b"HANM", b"HANN"))
    assert False
"""
    result = only(run(plant(tmp_path, code)))
    assert result.frame is not None
    assert result.frame.startswith("DefaultResponse from hub at ")
    assert result.frame.endswith(": 18 3c 0b 06 00")


def test_ids_say_topic_function_row_and_profile(tmp_path: Path) -> None:
    code = """
@pytest.mark.parametrize("row", ["IV-2", "IV-1"])
def test_rows(bench, row):
    pass

def test_plain(bench):
    pass
"""
    found = run(plant(tmp_path, code, topic="some_topic"), profiles=built_in()[:2])
    assert [result.id for result in found.results] == [
        "some_topic::plain[B1]",
        "some_topic::plain[B2]",
        "some_topic::rows/IV-1[B1]",
        "some_topic::rows/IV-1[B2]",
        "some_topic::rows/IV-2[B1]",
        "some_topic::rows/IV-2[B2]",
    ]
    assert found.results[2].case == "some_topic::rows/IV-1"
    assert len({safe_name(result.id) for result in found.results}) == 6


def test_a_result_holds_what_the_docstring_and_the_bench_say(tmp_path: Path) -> None:
    code = '''
@covers("OTA-C-001", "OTA-C-014")
def test_a(bench):
    """Take it.

    Attack: none at
      all.
    Expect: it works.
    Source: ZCL 11.
    """
    bench.upgrade(bench.image())
'''
    result = only(run(plant(tmp_path / "cases", code), out=tmp_path / "out", seed=5))
    assert (result.attack, result.expect, result.source) == ("none at all.", "it works.", "ZCL 11.")
    assert [cited.id for cited in result.requirements] == ["OTA-C-001", "OTA-C-014"]
    assert result.seed == 5
    assert result.duration_us > 1_000_000
    assert result.trace == "traces/tiny-a-B1.jsonl"
    lines = (tmp_path / "out" / result.trace).read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert sum(row["what"] == "send" for row in rows) == result.datagrams > 100


def test_an_error_after_the_verdict_is_a_note(tmp_path: Path) -> None:
    code = """
@pytest.fixture
def clumsy(bench):
    yield bench
    raise OSError("the port is gone")

def test_a(clumsy):
    assert clumsy.running_version() == 3

def test_b(clumsy):
    pass
"""
    failed, passed = run(plant(tmp_path, code)).results
    assert failed.verdict is Outcome.FAILED
    assert passed.verdict is Outcome.PASSED
    assert failed.notes == passed.notes == ("OSError after the verdict: the port is gone",)


def test_a_bench_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    code = "\ndef test_a(make_bench):\n    make_bench(link='pigeon:')\n"
    result = only(run(plant(tmp_path, code)))
    assert result.verdict is Outcome.ERROR
    assert "unknown scheme" in result.reason


def test_a_case_makes_other_benches_each_with_its_own_chance(tmp_path: Path) -> None:
    code = """
def test_a(make_bench):
    first, second = make_bench(), make_bench({"ota.block_size_octets": 20})
    assert first.profile.ota.block_size_octets != 20
    assert second.profile.ota.block_size_octets == 20
    for bench in (first, second):
        bench.start()
        bench.upgrade(bench.image())
    assert second.last(ota.ImageBlockRequest).maximum_data_size == 20
"""
    found = run(plant(tmp_path / "cases", code), capture=tmp_path / "all.pcapng")
    result = only(found)
    assert result.verdict is Outcome.PASSED
    assert result.datagrams > 300
    times = packet_times(tmp_path / "all.pcapng")
    assert len(times) == result.datagrams
    assert times == sorted(times)


def packet_times(capture: Path) -> list[int]:
    """Return the times of the packets of a pcapng file, which are all in blocks of type 6."""
    octets, at, times = capture.read_bytes(), 0, []
    while at < len(octets):
        kind, length = struct.unpack_from("<II", octets, at)
        if kind == 6:
            high, low = struct.unpack_from("<II", octets, at + 12)
            times.append(high << 32 | low)
        at += length
    return times


def test_each_bench_of_a_case_has_its_own_chance(tmp_path: Path) -> None:
    code = """
def test_a(make_bench):
    benches = [make_bench() for _ in range(4)]
    for bench in benches:
        bench.start()
        bench.power_cycle()
    assert len({bench.now for bench in benches}) > 1
"""
    assert only(run(plant(tmp_path, code))).verdict is Outcome.PASSED


def test_two_cases_that_share_a_file_name_are_told(tmp_path: Path) -> None:
    code = '@pytest.mark.parametrize("row", ["a b", "a-b"])\ndef test_a(bench, row):\n    pass\n'
    found = run(plant(tmp_path, code))
    assert found.collected.broken == ["two cases share a name: tiny::a/a b[B1], tiny::a/a-b[B1]"]


def test_an_excused_case_is_no_case(tmp_path: Path) -> None:
    code = "@pytest.mark.skip\ndef test_a(bench):\n    assert 1 == 2\n"
    assert only(run(plant(tmp_path, code))).verdict is Outcome.FAILED


# What must change nothing.

WORLDS = """
@pytest.mark.parametrize("row", range(3))
def test_upgrade(bench, row):
    bench.power_cycle()
    bench.upgrade(bench.image(size=300 + row))

def test_two(make_bench):
    for bench in (make_bench(), make_bench()):
        bench.start()
"""
REVERSED = "\ndef pytest_collection_modifyitems(items):\n    items.reverse()\n"


def traces(tmp_path: Path, name: str, *, conftest: str = "", workers: int = 1, seed: int = 0):  # noqa: ANN201
    cases, out = tmp_path / f"cases-{name}", tmp_path / f"out-{name}"
    plant(cases, WORLDS, conftest=conftest)
    found = run(cases, profiles=built_in(), out=out, workers=workers, seed=seed)
    assert [result.verdict for result in found.results] == [Outcome.PASSED] * 16
    return found.results, planted.files_in(out)


def test_order_and_workers_change_nothing(tmp_path: Path) -> None:
    results, files = traces(tmp_path, "plain")
    assert len(files) == 32  # traces and captures
    assert traces(tmp_path, "again") == (results, files)
    assert traces(tmp_path, "reversed", conftest=REVERSED) == (results, files)
    assert traces(tmp_path, "workers", workers=2) == (results, files)


def test_another_seed_changes_the_traces(tmp_path: Path) -> None:
    _, files = traces(tmp_path, "plain")
    _, others = traces(tmp_path, "seed", seed=1)
    assert files.keys() == others.keys()
    assert files["traces/tiny-upgrade-1-B1.jsonl"] != others["traces/tiny-upgrade-1-B1.jsonl"]


def test_hash_randomisation_changes_nothing(tmp_path: Path) -> None:
    written = []
    for hash_seed in ("1", "2"):
        out = f"out{hash_seed}"
        arguments = ("run", "-k", "rollback", "--traces", "all", "--out", out)
        done = planted.command(None, *arguments, at=tmp_path, PYTHONHASHSEED=hash_seed)
        assert done.returncode == 0, done.stdout + done.stderr
        written.append(planted.files_in(tmp_path / out / "traces"))
    assert written[0] == written[1]
    assert len(written[0]) >= 16


def test_the_users_own_pytest_does_not_interfere(tmp_path: Path) -> None:
    cases = plant(tmp_path / "cases", "\ndef test_a(bench):\n    assert bench.running_version()\n")
    home = tmp_path / "home"
    home.mkdir()
    for folder in (home, tmp_path):  # also above the cases, as around a virtual environment
        (folder / "conftest.py").write_text("raise RuntimeError('the user's own')\n", "utf-8")
        (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n", "utf-8")
    (home / "test_mine.py").write_text("def test_mine():\n    assert 0\n", "utf-8")
    done = planted.command(
        cases,
        *("run", "--profile", "b2", "--out", "out"),
        at=home,
        PYTEST_ADDOPTS="--no-such-option",
        PYTEST_PLUGINS="no_such_plugin",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((home / "out" / "report.json").read_text("utf-8"))
    assert [result["id"] for result in report["results"]] == ["tiny::a[B2]"]
    assert sorted(path.name for path in home.iterdir() if path.name != "__pycache__") == [
        "conftest.py",
        "out",
        "pytest.ini",
        "test_mine.py",
    ]


def test_the_environment_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    run(plant(tmp_path, "\ndef test_a(bench):\n    pass\n"))
    assert os.environ["PYTEST_ADDOPTS"] == "--no-such-option"
    assert "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ


INTERRUPTED = """
def test_a(bench):
    pass

def test_b(bench):
    raise KeyboardInterrupt

def test_c(bench):
    pass
"""


def test_an_interrupt_keeps_what_was_found(tmp_path: Path) -> None:
    found = run(plant(tmp_path, INTERRUPTED))
    assert found.interrupted
    assert [result.id for result in found.results] == ["tiny::a[B1]"]


def test_a_worker_that_dies_is_told(tmp_path: Path) -> None:
    code = "\ndef test_a(bench):\n    import os\n    os._exit(7)\n\ndef test_b(bench):\n    pass\n"
    found = run(plant(tmp_path, code), workers=2)
    assert [result.id for result in found.results] == ["tiny::b[B1]"]
    assert any("test_a" in problem for problem in found.collected.broken)


def test_shipped_cases_pass_in_this_process() -> None:
    from harness.runner import run_suite
    from harness.suite import RunOptions

    found = run_suite(RunOptions(match=("discovery",)))
    assert found.collected.broken == []
    assert {result.verdict for result in found.results} == {Outcome.PASSED}
    assert {result.profile for result in found.results} == {"B1", "B2", "B3", "B4"}
