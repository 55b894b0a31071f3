"""The pages of a report hold what it holds, load nothing from elsewhere, and escape it all."""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest

from benchmarks.report import LIMIT_OCTETS, full, octets_below
from harness.dut.load import load_dut
from harness.report import folder, json_report
from harness.report.compose import compose
from harness.report.model import SERVER, RunReport, State
from harness.report.pages import MOST_DRAWN, SIGNS
from harness.runner import RunResult, run_suite
from harness.suite import Chosen, RunOptions, Traces, built_in
from harness.verdict import Outcome
from tests.dut.files import write_dut
from tests.harness import planted
from tests.harness.html_page import Page
from tests.harness.reports import FAILED, MIXED, cited, report, result

HOSTILE = "<script>alert(1)</script>&<img src=http://example.org/x onerror=alert(2)>\"'"


def pages(root: Path) -> dict[str, Page]:
    return {path.relative_to(root).as_posix(): Page(path) for path in sorted(root.rglob("*.html"))}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunReport, Path]:
    """Return the report of a run with failures and traces, and its folder."""
    out = tmp_path_factory.mktemp("run")
    options = RunOptions(
        profiles=built_in()[:2],
        match=("rollback::mute_image_goes_back", "OTA-C-069", "FR-001"),
        defect="D204",
        out=out,
        traces=Traces.ALL,
    )
    found = run_suite(options)
    assert {one.verdict for one in found.results} == {Outcome.PASSED, Outcome.FAILED}
    made = composed(found, options)
    folder.write(out, made)
    return made, out


def composed(found: RunResult, options: RunOptions) -> RunReport:
    return compose(
        found,
        options,
        started="2026-01-01T00:00:00+00:00",
        ended="2026-01-01T00:00:01+00:00",
        command=("hanover", "run"),
    )


def written(root: Path, made: RunReport) -> dict[str, Page]:
    folder.write(root, made)
    return pages(root)


# What is loaded.


def broken_references(root: Path, found: Mapping[str, Page]) -> Iterator[str]:
    """Yield the references that lead out of the folder, or to nothing in it."""
    for name, page in found.items():
        for reference in page.references:
            parts = urlsplit(reference)
            target = (root / name).parent / unquote(parts.path) if parts.path else root / name
            inside = target.resolve().is_relative_to(root.resolve())
            if parts.scheme or parts.netloc or not inside or not target.is_file():
                yield f"{name}: {reference}"
                continue
            there = found.get(target.resolve().relative_to(root.resolve()).as_posix())
            if parts.fragment and (there is None or unquote(parts.fragment) not in there.ids):
                yield f"{name}: {reference}"


def test_every_reference_leads_to_a_file_of_the_folder(run: tuple[RunReport, Path]) -> None:
    _, root = run
    assert list(broken_references(root, pages(root))) == []


@pytest.mark.parametrize(
    "reference",
    ["http://example.org/x.js", "//example.org/x", "data:,", "no.html", "index.html#no", "../x"],
)
def test_a_planted_reference_is_found(tmp_path: Path, reference: str) -> None:
    (tmp_path / "index.html").write_text(f'<a href="{reference}">x</a>', "utf-8")
    (tmp_path.parent / "x").write_text("", "utf-8")
    assert list(broken_references(tmp_path, pages(tmp_path))) == [f"index.html: {reference}"]


def test_what_a_device_says_is_text_and_nothing_else(tmp_path: Path) -> None:
    evil = replace(
        result("a::<b>x_", verdict=FAILED, requirements=(cited("OTA-C-001"),)),
        **{
            name: HOSTILE + "\x00\x1b"
            for name in ("reason", "expected", "seen", "frame", "attack", "source", "known")
        },
        switches=(HOSTILE,),
        absences=(HOSTILE,),
        notes=(HOSTILE,),
        traceback=HOSTILE,
    )
    made = replace(
        report(evil), operator=HOSTILE, problems=(HOSTILE,), command=(HOSTILE,), link=HOSTILE
    )
    found = written(tmp_path, made)
    assert list(broken_references(tmp_path, found)) == []
    for name, page in found.items():
        assert page.tags["script"] == 1, name
        assert page.tags["img"] == 0, name
        assert page.tags["b"] == 0, name
        assert page.handlers == [], name
        assert not {"\x00", "\x1b"} & set(page.text), name
    assert found[folder.page_of(evil.case)].text.count("<script>alert(1)</script>") >= 9
    assert "<script>alert(1)</script>" in found["index.html"].text


# What they hold.


def test_page_one_says_what_is_not_covered_and_why(tmp_path: Path) -> None:
    made = report(*MIXED)
    page = written(tmp_path, made)["index.html"]
    assert made.uncovered
    for one in made.uncovered:
        assert one.id in page.text
        assert " ".join(one.uncovered.split()) in page.text
    said = f"{len(made.uncovered)} of {len(made.requirements)} requirements have no case."
    assert said in page.text
    assert f"not complete: {len(made.uncovered)} are not covered yet" in page.text
    assert "Operator not named" in page.text


def test_page_one_says_whose_conformance_it_is(tmp_path: Path) -> None:
    bridges = report(*MIXED)
    assert "Conformance of B1, B2 " in written(tmp_path, bridges)["index.html"].text
    server = replace(bridges, subject=replace(bridges.subject, kind=SERVER))
    said = "Conformance of the OTA server at direct:, to a client like B1, B2 "
    assert said in written(tmp_path, server)["index.html"].text


def test_complete_is_said_only_when_nothing_is_left(tmp_path: Path) -> None:
    made = report(*MIXED)
    covered = tuple(one for one in made.requirements if one not in made.uncovered)
    whole = replace(made, requirements=covered, operator="A. Tester")
    page = written(tmp_path, whole)["index.html"]
    assert "; complete" in page.text
    assert "not complete" not in page.text
    assert "Every requirement of the catalogue has a case." in page.text
    assert "Operator A. Tester" in page.text
    stopped = written(tmp_path, replace(whole, finished=False))["index.html"]
    assert "; the run did not come to its end" in stopped.text


def test_the_matrix_has_a_row_a_case_and_a_word_a_verdict(tmp_path: Path) -> None:
    made = report(*MIXED)
    page = written(tmp_path, made)["matrix.html"]
    cases = {one.case for one in MIXED}
    families = {one.family for one in MIXED}
    assert page.tags["tr"] == len(cases) + len(families)
    assert page.tags["td"] == len(cases) * 3  # requirements, two subjects
    for verdict in (*Outcome, None):
        assert SIGNS[verdict] in page.text
    words = [sign.split()[1] for sign in SIGNS.values()]
    assert len(set(words)) == len(words)  # told apart without colour


def test_totals_by_level_and_family_add_up(tmp_path: Path) -> None:
    made = report(*MIXED)
    text = written(tmp_path, made)["index.html"].text
    assert f"all {' '.join(str(one) for one in made.verdicts().values())} {len(MIXED)}" in text
    for name, counts in made.families().items():
        assert f"{name} {' '.join(str(one) for one in counts.values())}" in text


def test_a_failed_case_has_everything_on_its_page(run: tuple[RunReport, Path]) -> None:
    made, root = run
    failed = next(one for one in made.results if one.verdict is Outcome.FAILED)
    page = Page(root / folder.page_of(failed.case))
    for said in (failed.expected, failed.seen, failed.frame, failed.attack, *failed.switches):
        assert said
        assert " ".join(said.split()) in page.text
    assert f"hanover run -k '{failed.id}' --profile {failed.profile} --seed 0" in page.text
    assert f"../{failed.trace}" in page.references
    assert f"../{failed.capture}" in page.references
    assert (root / str(failed.capture)).read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"  # pcapng
    assert page.tags["svg"] >= 2
    (clause,) = {one.source for one in made.requirements if one.id == failed.requirements[0].id}
    assert clause in page.text


def test_each_frame_of_a_trace_is_on_the_page_in_hexadecimal(run: tuple[RunReport, Path]) -> None:
    made, root = run
    one = next(one for one in made.results if one.verdict is Outcome.FAILED)
    text = Page(root / folder.page_of(one.case)).text
    trace = (root / str(one.trace)).read_text("utf-8")
    octets = [part.partition('"')[0] for part in trace.split('"octets":"')[1:]]
    assert len(octets) == one.datagrams
    assert all(each in text for each in octets)


def test_every_id_stands_once_whatever_a_device_is_called(
    run: tuple[RunReport, Path], tmp_path: Path
) -> None:
    made, root = run
    (tmp_path / "traces").mkdir()
    trace = (root / str(next(one.trace for one in made.results if one.trace))).read_bytes()
    (tmp_path / "traces/a.jsonl").write_bytes(trace)
    odd = [
        result("a::x", name, FAILED, trace="traces/a.jsonl") for name in ("main", "my bridge", "")
    ]
    found = written(tmp_path, report(*odd))
    assert list(broken_references(tmp_path, found)) == []
    ids = found["cases/a-x.html"].ids
    assert len(ids) > 3 * 3
    assert len(set(ids)) == len(ids)


def test_a_case_that_passed_without_a_trace_says_how_to_get_one(tmp_path: Path) -> None:
    quiet = replace(result("a::x"), datagrams=7)
    page = written(tmp_path, report(quiet))["cases/a-x.html"]
    assert "more than 5,000 datagrams, or in a run of more than 100 results" in page.text
    assert "hanover run -k 'a::x[B1]' --profile B1 --seed 0 --traces all" in page.text
    assert page.tags["svg"] == 0


def test_a_trace_that_cannot_be_read_does_not_stop_the_report(tmp_path: Path) -> None:
    lost = result("a::x", verdict=FAILED, trace="traces/none.jsonl")
    page = written(tmp_path, report(lost))[folder.page_of(lost.case)]
    assert "The trace cannot be drawn: " in page.text


def test_a_run_of_many_failures_draws_some_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    (tmp_path / "traces/a.jsonl").write_text("", "utf-8")
    many = [
        replace(result(f"a::x/{at}", verdict=FAILED), trace="traces/a.jsonl")
        for at in range(MOST_DRAWN + 1)
    ]
    folder.write(tmp_path, report(*many))
    said = f"The messages of {MOST_DRAWN} other results are drawn."
    found = [page for page in pages(tmp_path).values() if said in page.text]
    assert len(found) == 1


def test_requirements_are_traced_both_ways(run: tuple[RunReport, Path]) -> None:
    made, root = run
    page = Page(root / "requirements.html")
    assert {one.id for one in made.requirements} <= set(page.ids)
    assert page.tags["tr"] == len(made.requirements) + len(made.traced) + 2
    by_case: defaultdict[str, set[str]] = defaultdict(set)
    for one in made.requirements:
        for case in one.cases:
            by_case[case].add(one.id)
    assert {one.case: set(one.requirements) for one in made.traced} == by_case
    assert any(one.defects and one.vectors for one in made.traced)
    stands = Counter(one.state for one in made.requirements)
    assert stands[State.NOT_COVERED] > 0 < stands[State.NOT_RUN]
    assert page.text.count("· not covered yet ") == stands[State.NOT_COVERED]
    assert page.text.count("· not run ") == stands[State.NOT_RUN]


# What evidence there is.

SERVING = """
from pathlib import Path

@covers("OTA-C-083")
def test_serving(bench):
    first, second = bench.image(size=300), bench.image(size=301)
    for at, image in enumerate((first, second, first)):
        Path(FOLDER, str(at)).write_bytes(image)
        bench.serve(image)
"""


def test_the_images_of_a_result_are_those_that_were_served(tmp_path: Path) -> None:
    code = SERVING.replace("FOLDER", repr(str(tmp_path)))
    (one,) = planted.run(planted.plant(tmp_path / "cases", code)).results
    assert one.verdict is Outcome.PASSED, one.reason
    first, second, again = ((tmp_path / str(at)).read_bytes() for at in range(3))
    assert first == again != second
    assert [(each.sha256, each.octets) for each in one.images] == [
        (sha256(each).hexdigest(), len(each)) for each in (first, second)
    ]
    page = written(tmp_path / "out", report(one))["evidence.html"]
    assert all(each.sha256 in page.text for each in one.images)
    text = json_report.as_document(report(one))
    assert text["results"][0]["images"] == [each.sha256[:16] for each in one.images]
    assert [each["sha256"] for each in text["images"]] == [each.sha256 for each in one.images]


def test_a_program_and_a_device_are_named_with_what_they_are(tmp_path: Path) -> None:
    dut = load_dut(write_dut(tmp_path))
    program = f"exec:{sys.executable} -m harness.cli.main emulate {planted.ONE[0].given} --stdio"
    options = RunOptions(
        profiles=(Chosen(profile=dut.profile, given=dut.file, dut=dut),),
        match=("idle_attributes",),
        link=program,
    )
    made = composed(run_suite(options), options)
    (carrier,) = made.carriers
    assert carrier["kind"] == "program"
    assert f"exec:{carrier['command']}" == program
    assert "probe" in carrier["capabilities"]
    running = Path(sys.executable).read_bytes()
    assert carrier["file"] == sys.executable
    assert carrier["octets"] == str(len(running))
    assert carrier["sha256"] == sha256(running).hexdigest()
    (used,) = made.profiles
    assert used.device is not None
    assert (used.device.sha256, used.device.eui64) == (dut.sha256, f"{dut.eui64:016x}")
    files = [sha256(rung.octets).hexdigest() for rung in dut.ladder.rungs]
    assert [one.sha256 for one in used.device.images][: len(files)] == files
    text = written(tmp_path / "out", made)["evidence.html"].text
    for said in (carrier["name"], carrier["sha256"], dut.sha256, f"{dut.eui64:016x}", *files):
        assert said in text
    jsonschema.validate(json.loads(json_report.as_text(made)), json_report.schema())


# The same run, the same report.


def test_parallel_runs_give_the_same_folder(tmp_path: Path) -> None:
    folders = {}
    for workers in (1, 2):
        root = tmp_path / str(workers)
        options = RunOptions(
            profiles=built_in()[:1],
            match=("activation", "rollback::mute_image_goes_back", "FR-001"),
            workers=workers,
            out=root,
            traces=Traces.ALL,
        )
        made = composed(run_suite(options), options)
        assert len(made.results) > 15
        folders[workers] = (made, folder.write(root, made))
    assert folders[1][0] == folders[2][0]
    assert folders[1][1] == folders[2][1]  # the seal: every file, octet for octet


# How large it is.


def test_the_report_of_a_full_run_stays_under_ten_megabytes(tmp_path: Path) -> None:
    made = full()
    assert len(made.results) > 5_000
    folder.write(tmp_path, made)
    assert octets_below(tmp_path) < LIMIT_OCTETS
