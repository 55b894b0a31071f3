"""``hanover run`` runs what was asked for, says how it went, and ends with the right exit code."""

import json
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import jsonschema
import pytest
from click.testing import CliRunner, Result

import harness.suite
from emulator.profiles import load
from harness.cli.main import run_command
from harness.cli.profiles import as_toml
from harness.cli.run import run as run_cli
from harness.report import json_report, manifest
from tests.harness import planted
from tests.harness.planted import plant

CODE = """
@covers("OTA-C-014")
def test_good(bench):
    assert bench.upgrade(bench.image()) == NEXT_VERSION

@covers("OTA-C-083")
def test_bad(bench):
    assert bench.offer(bench.image()) is Status.ABORT

@covers("GB-066")
def test_policy(bench):
    assert bench.running_version() == 7

@covers("OTA-C-085")
def test_unable(bench):
    raise Unsupported("no relay")
"""


@pytest.fixture
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = plant(tmp_path / "cases", CODE)
    monkeypatch.setitem(harness.suite.SUITES, "client", folder)
    monkeypatch.chdir(tmp_path)
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(run_cli, arguments)


def code_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = run_command(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


def report_in(folder: Path) -> dict[str, object]:
    document: dict[str, object] = json.loads((folder / "report.json").read_text("utf-8"))
    jsonschema.validate(document, json_report.schema())
    return document


def of_verdict(folder: Path, verdict: str) -> list[dict[str, Any]]:
    """Return the results of one verdict; a run without one is no test."""
    results: list[dict[str, Any]] = report_in(folder)["results"]  # type: ignore[assignment]  # a list
    found = [one for one in results if one["verdict"] == verdict]
    assert len(found) > 0
    return found


@pytest.mark.usefixtures("cases")
def test_a_run_prints_the_matrix_and_writes_the_folder(tmp_path: Path) -> None:
    done = run("--profile", "B1", "--profile", "b4")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["B1", "B4"]
    assert "  good    pass  pass" in lines
    assert "  bad     FAIL  FAIL" in lines
    assert "  unable  n/a   n/a" in lines
    assert "Failed (--fail-on mandatory-confirmed)." in lines
    assert "\x1b" not in done.output
    out = tmp_path / "hanover-report"
    document = report_in(out)
    assert document["exit_code"] == 1
    assert len(list((out / "traces").iterdir())) == 8
    assert Xml.parse(out / "junit.xml").getroot().attrib["failures"] == "4"


@pytest.mark.usefixtures("cases")
@pytest.mark.parametrize(
    ("few", "arguments", "kept"),
    [(8, (), 8), (7, (), 6), (7, ("--traces", "all"), 8), (8, ("--traces", "failed"), 6)],
    ids=["few", "many", "all", "failed"],
)
def test_traces_are_kept_of_few_cases_or_of_what_did_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, arguments: tuple[str, ...], kept: int
) -> None:
    monkeypatch.setattr("harness.suite.FEW", few)
    run("--profile", "B1", "--profile", "b4", *arguments)
    out = tmp_path / "hanover-report"
    results = report_in(out)["results"]
    named = {one["trace"] for one in results if "trace" in one}  # type: ignore[attr-defined]  # a list
    assert {f"traces/{path.name}" for path in (out / "traces").iterdir()} == named
    assert len(named) == kept


@pytest.mark.usefixtures("cases")
@pytest.mark.parametrize(
    ("arguments", "kept"), [((), False), (("--traces", "all"), True)], ids=["auto", "all"]
)
def test_a_trace_of_very_many_datagrams_is_kept_of_what_did_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], kept: bool
) -> None:
    out = tmp_path / "hanover-report"
    run("--profile", "B1")
    sizes = [one["datagrams"] for one in of_verdict(out, "passed") if one.get("datagrams")]
    assert len(sizes) > 0
    monkeypatch.setattr("harness.suite.MANY", max(sizes))
    run("--profile", "B1")
    assert all("trace" in one for one in of_verdict(out, "passed") if one.get("datagrams"))

    monkeypatch.setattr("harness.suite.MANY", min(sizes) - 1)
    run("--profile", "B1", *arguments)
    assert {"trace" in one for one in of_verdict(out, "passed") if one.get("datagrams")} == {kept}
    assert all("trace" in one for one in of_verdict(out, "failed"))


@pytest.mark.usefixtures("cases")
def test_a_run_is_sealed_with_pages_or_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "hanover-report"
    done = run("--profile", "B1", "--operator", "A. Tester")
    assert "written: hanover-report/index.html, report.json, junit.xml" in done.stdout
    assert report_in(out)["operator"] == "A. Tester"
    assert (out / "index.html").exists()
    seal = done.stdout.splitlines()[-1].removeprefix("seal: ")
    assert code_of(["report", "verify", "hanover-report", "--seal", seal], capsys)[0] == 0

    done = run("--profile", "B1", "--no-html")
    assert "written: hanover-report/report.json, junit.xml" in done.stdout
    assert report_in(out)["operator"] is None
    assert not list(out.rglob("*.html"))
    assert code_of(["report", "verify", "hanover-report"], capsys)[0] == 0


@pytest.mark.usefixtures("cases")
def test_the_printed_command_repeats_just_the_failure(tmp_path: Path) -> None:

    first = run("--seed", "11", "--out", "all")
    (line,) = [one for one in first.stdout.splitlines() if "bad[B3]" in one and "replay" in one]
    words = shlex.split(line.split("replay")[1])
    assert words[:2] == ["hanover", "run"]
    again = run(*words[2:], "--out", "one")
    assert again.exit_code == 1
    (only,) = report_in(tmp_path / "one")["results"]  # type: ignore[misc]  # a list
    before = report_in(tmp_path / "all")["results"]
    assert only in before  # type: ignore[operator]  # a list
    name = only["trace"]
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "all" / name).read_bytes()


@pytest.mark.usefixtures("cases")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("-k", "good"), 0),
        (("-k", "policy"), 0),
        (("-k", "policy", "--fail-on", "recommended"), 1),
        (("-k", "unable"), 2),
        (("-k", "unable", "-k", "good"), 0),
        (("-k", "unable", "-k", "good", "--require", "OTA-C-014"), 0),
        (("-k", "unable", "-k", "good", "--require", "OTA-C-014,OTA-C-085"), 1),
        (("-k", "good", "--require", "OTA-C-085"), 1),
    ],
)
def test_what_fails_a_run(arguments: tuple[str, ...], code: int) -> None:
    assert run("--profile", "B1", *arguments).exit_code == code


@pytest.mark.usefixtures("cases")
def test_json_is_all_there_is_on_stdout(tmp_path: Path) -> None:
    done = run("-k", "good", "--json", "--profile", "B2", "--out", "out")
    document = json.loads(done.stdout)
    jsonschema.validate(document, json_report.schema())
    seal = document.pop("seal")
    assert document == report_in(tmp_path / "out")
    assert manifest.verify(tmp_path / "out") == (seal, ())
    assert done.stderr == ""


@pytest.mark.usefixtures("cases")
def test_cases_are_listed(tmp_path: Path) -> None:
    done = run("--list")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "tiny"
    assert "  good    OTA-C-014" in done.stdout.splitlines()
    assert "4 cases, 16 runs; 4 of " in done.stdout
    document = json.loads(run("--list", "--json", "-k", "GB-066").stdout)
    assert [case["case"] for case in document["cases"]] == ["tiny::policy"]
    assert document["cases"][0]["profiles"] == ["B1", "B2", "B3", "B4"]
    assert not (tmp_path / "hanover-report").exists()


@pytest.mark.usefixtures("cases")
def test_a_makers_own_profile(tmp_path: Path) -> None:
    mine = load.overlay(load.load("B1"), {"name": "mine", "ota.image_type": 0x77})
    (tmp_path / "mine.toml").write_text(as_toml(mine), "utf-8")
    done = run("-k", "good", "--profile", "mine.toml", "--json")
    document = json.loads(done.stdout)
    assert [each["id"] for each in document["results"]] == ["tiny::good[mine]"]
    assert document["profiles"][0]["given"] == "mine.toml"
    assert run("--profile", "mine.toml", "--profile", "./mine.toml").exit_code == 2


@pytest.mark.usefixtures("cases")
def test_captures_are_a_file_for_one_case_and_a_folder_for_more(tmp_path: Path) -> None:
    one = run("-k", "good", "--profile", "B1", "--capture", "one.pcapng")
    assert one.exit_code == 0
    octets = (tmp_path / "one.pcapng").read_bytes()
    run("--profile", "B1", "--capture", "many")
    names = sorted(path.name for path in (tmp_path / "many").iterdir())
    assert names == [f"tiny-{name}-B1.pcapng" for name in ("bad", "good", "policy", "unable")]
    assert (tmp_path / "many" / "tiny-good-B1.pcapng").read_bytes() == octets


@pytest.mark.usefixtures("cases")
@pytest.mark.parametrize("id", ["D001", "d001"])
def test_a_planted_defect_is_run_and_named(id: str) -> None:
    done = run("-k", "good", "--profile", "B1", "--defect", id, "--json")
    assert json.loads(done.stdout)["subject"]["defect"] == "D001"


@pytest.mark.usefixtures("cases")
@pytest.mark.parametrize("scheme", ["direct", "loopback"])
def test_a_link_has_one_spelling_in_reports(scheme: str) -> None:
    done = run("-k", "good", "--profile", "B1", "--link", scheme, "--json")
    assert (done.exit_code, json.loads(done.stdout)["link"]) == (0, f"{scheme}:")


WRONG = [
    (["-k", "no_such_case"], 2, "-k no_such_case: no case matches"),
    (["-k", "good", "-k", "goood"], 2, "-k goood: no case matches"),
    (["--profile", "B9"], 2, "B9: no such profile"),
    (["--profile", "no/such.toml"], 2, "no/such.toml: No such file or directory"),
    (["--link", "pigeon:coop"], 2, "unknown scheme, expected one of direct:"),
    (["--link", "direct:x"], 2, "--link direct:x: found 'x' behind direct:, wanted nothing there"),
    (["--link", "loopback:foo"], 2, "found 'foo' behind loopback:, wanted nothing there"),
    (["--link", "exec"], 2, "--link exec: found no command, wanted exec:COMMAND"),
    (["--link", "ezsp: "], 2, "found no stick, wanted ezsp:PORT"),
    (["--require", ""], 2, "--require: found '', wanted ids of requirements"),
    (["--require", "OTA-C-014", "--require", " ,"], 2, "--require: found ' ,', wanted ids"),
    (["--defect", "D999"], 2, "found D999, wanted a defect"),
    (["--require", "OTA-C-9999"], 2, "no requirement 'OTA-C-9999'"),
    (["--seed", "-1"], 2, "--seed"),
    (["--out", "a_file/x"], 3, "cannot be written"),
    (["--capture", "a_file"], 3, "a_file: cannot be written"),
]


@pytest.mark.usefixtures("cases")
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(("arguments", "code", "said"), WRONG)
def test_wrong_use_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
    workers: str,
) -> None:
    (tmp_path / "a_file").write_text("", "utf-8")
    found, out, err = code_of(["run", "-n", workers, *arguments], capsys)
    assert (found, out) == (code, "")
    assert said in err
    assert len(err.splitlines()) == 1
    assert err.startswith("hanover: ")
    out_folder = tmp_path / "hanover-report"
    assert not (out_folder if code == 2 else out_folder / "report.json").exists()


def test_a_case_that_cannot_be_read_breaks_the_run(
    cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (cases / "test_broken.py").write_text("import no_such_module\n", "utf-8")
    code, out, err = code_of(["run"], capsys)
    assert (code, out) == (3, "")
    assert "No module named 'no_such_module'" in err
    assert "Traceback" not in err


INTERRUPTED = """
@pytest.mark.parametrize("row", range(10, 40))
def test_a(bench, row):
    assert bench.running_version()

def test_b(bench):
    import os, signal
    bench.wait(10**12)  # virtual, but it takes a moment
    os.killpg(os.getpgid(0), signal.SIGINT)  # as a terminal does
    bench.wait(10**14)

def test_c(bench):
    pass
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_keeps_what_was_found(tmp_path: Path, workers: str) -> None:
    cases = plant(tmp_path / "cases", INTERRUPTED)
    arguments = ("run", "--profile", "B1", "-n", workers)
    done = planted.command(cases, *arguments, at=tmp_path)
    assert done.returncode == 130, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "interrupted: " in done.stderr.splitlines()[-1]
    document = report_in(tmp_path / "hanover-report")
    assert document["finished"] is False
    ids = [result["id"] for result in document["results"]]  # type: ignore[attr-defined]
    assert "tiny::a/10[B1]" in ids
    assert "tiny::b[B1]" not in ids


def test_ctrl_c_before_any_result_is_one_line(tmp_path: Path) -> None:
    code = "\ndef test_a(bench):\n    raise KeyboardInterrupt\n"
    done = planted.command(plant(tmp_path / "cases", code), "run", at=tmp_path)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "hanover: interrupted, no case has a result\n"


def test_a_missed_requirement_is_named(cases: Path) -> None:
    done = run("-k", "unable", "-k", "good", "--require", "OTA-C-014,OTA-C-085,OTA-C-084")
    lines = done.output.splitlines()
    assert done.exit_code == 1
    assert [line for line in lines if line.startswith("required: ")] == [
        "required: OTA-C-084 lacks a verdict: not run",
        "required: OTA-C-085 lacks a verdict: unsupported",
    ]
    assert "Failed (--fail-on mandatory-confirmed, --require)." in lines
    assert "required: " not in run("-k", "good", "--require", "OTA-C-014").output
