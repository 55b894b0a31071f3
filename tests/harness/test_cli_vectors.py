"""``hanover vectors`` shows, checks and adds; ``hanover run`` runs vectors, ours or a user's."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import run_command
from harness.covers import Coverage
from harness.data import vectors as shipped
from harness.recorder import About
from harness.runner import run_suite
from harness.suite import RunOptions, built_in
from harness.vectors.load import load_vectors
from harness.verdict import Outcome
from tests.vectors.own_vectors import good, write

#: What somebody types who adds a vector.
DRAFT: dict[str, Any] = {
    "about": "Vectors of a user.",
    "notes": {"Mine": {"kind": "own", "text": "Something of mine.", "source": "my notes"}},
    "vectors": [
        {
            "expect": {"boots": "new", "end_status": ["SUCCESS"]},
            "image": {"edits": [{"at": "header_string", "xor": "01"}], "base": "zcl-plain"},
            "comment": "a file with a header string of mine",
            "flags": ["Mine"],
            "requirements": ["OTA-F-029"],
            "needs": {"container": "zcl", "verify": []},
        }
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "mine", good())
    return tmp_path / "mine"


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run_command(list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


# Show.


def test_list_filters(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "vectors", "list", "--family", "image_verify")
    assert code == 0
    assert len(out.splitlines()) == len(load_vectors(None, "image_verify"))
    assert out.startswith("IV-")
    code, out, _ = call(capsys, "vectors", "list", "--requirement", "ota-c-087", "--json")
    rows = json.loads(out)["vectors"]
    assert {"FF-002", "FF-003"} <= {row["id"] for row in rows}
    assert all("OTA-C-087" in row["requirements"] for row in rows)
    code, out, _ = call(capsys, "vectors", "list", "--flag", "vendortag", "-k", "ff-002")
    assert [line.split()[0] for line in out.splitlines()] == ["FF-002"]


def test_list_of_a_users_folder(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    _, out, _ = call(capsys, "vectors", "list", "--vectors", str(folder))
    assert [line.split()[0] for line in out.splitlines()] == ["IV-9001", "IV-9002"]


def test_nothing_found_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "vectors", "list", "--flag", "nothing")
    assert (code, out, err) == (2, "", "hanover: there is no such vector\n")
    code, _, err = call(capsys, "vectors", "list", "--family", "image-verify")
    assert code == 2
    assert err.startswith(
        "hanover: --family: found image-verify, wanted one of frames, file_format"
    )


def test_out_wants_a_vector_of_one_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = call(capsys, "vectors", "show", "RB-001", "--out", str(tmp_path / "x.ota"))
    assert code == 2
    assert err.startswith("hanover: --out: found RB-001 of family rollback, wanted a vector of one")


def test_show_tells_notes_recipe_and_expectation(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "vectors", "show", "iv-014")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "IV-014  bit of s flipped"
    assert "  requirements GB-007" in lines
    assert '  image.edits[0] {"at": -1, "xor": "01"}' in lines
    assert '  expect.end_status ["INVALID_IMAGE"]' in lines
    assert any(line.startswith("  BitFlip ") and "(gb-alt-han GB-007)" in line for line in lines)
    _, out, _ = call(capsys, "vectors", "show", "IV-014", "--json")
    document = json.loads(out)
    assert document["vector"]["image"]["base"] == "gbcs-signed"
    assert set(document["notes"]) == set(document["flags"])


def test_show_writes_the_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "iv.ota"
    assert call(capsys, "vectors", "show", "IV-014", "--out", str(out))[0] == 0
    (vector,) = [one for one in load_vectors() if one.id == "IV-014"]
    assert sha256(out.read_bytes()).hexdigest() == vector.body["image"]["sha256"]


def test_an_unknown_vector_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "vectors", "show", "IV-0014")
    assert code == 2
    assert err == "hanover: no vector IV-0014; did you mean IV-014?\n"


# Check.


def test_check_says_each_problem_on_a_line(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    code, out, err = call(capsys, "vectors", "check", str(folder))
    assert (code, out, err) == (0, "", "vectors checked: 2, nothing wrong\n")
    document = good()
    document["vectors"][0]["image"]["sha256"] = "0" * 64
    document["vectors"][1]["requirements"] = ["GB-999"]
    write(folder, document)
    code, out, err = call(capsys, "vectors", "check", str(folder))
    assert code == 1
    assert [line.split(": ")[1:3] for line in out.splitlines()] == [
        ["IV-9001", "image.sha256"],
        ["IV-9002", "requirements"],
    ]
    assert err == "hanover: vectors check: found 2 wrong, wanted none\n"
    _, out, _ = call(capsys, "vectors", "check", str(folder), "--json")
    assert [row["id"] for row in json.loads(out)["problems"]] == ["IV-9001", "IV-9002"]


# Add.


def drafted(tmp_path: Path, draft: object) -> str:
    path = tmp_path / "draft.json"
    path.write_text(json.dumps(draft), "utf-8")
    return str(path)


def test_add_gives_id_digest_and_layout(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    mine, draft = tmp_path / "mine", drafted(tmp_path, DRAFT)
    mine.mkdir()
    arguments = ("vectors", "add", "image_verify", "own", draft, "--vectors", str(mine))
    assert call(capsys, *arguments) == (0, "IV-9001 image_verify/own.json\n", "")
    row = json.loads((mine / "image_verify" / "own.json").read_text("utf-8"))["vectors"][0]
    assert list(row) == ["id", "comment", "flags", "requirements", "needs", "image", "expect"]
    assert list(row["image"]) == ["base", "edits", "sha256"]
    assert row["image"]["sha256"] == good()["vectors"][1]["image"]["sha256"]
    assert call(capsys, "vectors", "check", str(mine))[0] == 0
    assert call(capsys, "vectors", "fmt", str(mine)) == (0, "", "")
    code, _, err = call(capsys, *arguments)  # the same once more: nothing tells them apart
    assert code == 2
    assert "IV-9002: flags: found Mine, the flags of IV-9001" in err
    assert len(load_vectors(mine)) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"about": None}, "about: found nothing, wanted what the new file is about"),
        ({"vectors": []}, "vectors: found [], wanted a list of one vector or more"),
        ({"vectors": [{**DRAFT["vectors"][0], "id": "IV-777"}]}, 'id: found "IV-777", wanted none'),
        ({"vectors": [{**DRAFT["vectors"][0], "image": {"base": "x"}}]}, 'image.base: found "x"'),
        ({"notes": {}}, "notes: found {}, wanted at least 1 field"),
        ({"colour": 1}, "colour: found an unknown field"),
    ],
)
def test_add_writes_nothing_that_is_wrong(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, change: dict[str, object], said: str
) -> None:
    mine, draft = tmp_path / "mine", drafted(tmp_path, {**DRAFT, **change})
    mine.mkdir()
    arguments = ("vectors", "add", "image_verify", "own", draft, "--vectors", str(mine))
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert list(mine.iterdir()) == []


def test_fmt_lays_out_what_is_not(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    path = folder / "image_verify" / "own.json"
    before = path.read_text("utf-8")
    path.write_text(json.dumps(good()), "utf-8")
    assert call(capsys, "vectors", "fmt", str(folder)) == (0, "image_verify/own.json\n", "")
    assert path.read_text("utf-8") == before


# Run.


def test_one_vector_runs_by_its_id(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(capsys, "run", "-k", "IV-014", "--profile", "B2", "--json")
    assert code == 0
    document = json.loads(out)
    (result,), (case,) = document["results"], document["cases"]
    assert result["id"] == "image_verify::file_is_judged_as_expected/IV-014[B2]"
    assert result["case"] == case["case"]
    assert case["requirements"] == ["GB-007"]
    assert case["attack"] == "bit of s flipped"
    assert case["expect"] == "end_status INVALID_IMAGE; boots old"
    assert "gb-alt-han GB-007" in case["source"]


def test_a_users_folder_runs_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(capsys, "run", "--vectors", "mine", "--list")
    assert code == 0
    assert "2 cases, 8 runs; 2 of " in out
    code, out, _ = call(capsys, "run", "--vectors", "mine", "--profile", "B1")
    assert code == 0
    assert "file_is_judged_as_expected/IV-9002  pass" in out
    document = good()
    document["vectors"][0]["expect"] = {"end_status": ["ABORT"], "boots": "new"}
    write(folder, document)
    code, out, _ = call(capsys, "run", "--vectors", "mine", "--profile", "B1")
    assert code == 1
    assert "--seed 0 --vectors mine" in out


def test_a_wrong_folder_is_refused_before_anything_runs(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    document = good()
    document["vectors"][0]["id"] = "IV-014"
    document["vectors"][1]["colour"] = 1
    write(folder, document)
    code, out, err = call(capsys, "run", "--vectors", str(folder))
    assert (code, out) == (2, "")
    assert err.startswith("hanover: --vectors: image_verify/own.json: IV-9002: colour: found an")
    assert len(err.splitlines()) == 1


def test_workers_get_the_folder(folder: Path) -> None:
    options = RunOptions(vectors=folder, workers=2, profiles=built_in()[:2])
    found = run_suite(options)
    assert found.collected.broken == []
    assert {one.id.partition("/")[2] for one in found.results} == {
        *("IV-9001[B1]", "IV-9001[B2]", "IV-9002[B1]", "IV-9002[B2]"),
    }
    assert {one.verdict for one in found.results} == {Outcome.PASSED}


def test_families_without_vectors_leave_no_row(folder: Path) -> None:
    every = run_suite(RunOptions(vectors=folder, list_only=True)).collected.every
    assert {one.vector for one in every} == {"IV-9001", "IV-9002"}
    assert all("NOTSET" not in one.id for one in every)


def test_the_shipped_folder_has_its_readme_and_schemas() -> None:
    assert (shipped() / "README.md").is_file()
    assert (shipped() / "schema" / "image-verify-1.json").is_file()


@pytest.mark.parametrize("topic", ["", "../evil", "a/b", "../../evil", ".hidden", "Own", "own "])
def test_a_topic_is_a_plain_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, topic: str
) -> None:
    mine, draft = tmp_path / "mine", drafted(tmp_path, DRAFT)
    mine.mkdir()
    code, _, err = call(
        capsys, "vectors", "add", "image_verify", topic, draft, "--vectors", str(mine)
    )
    assert code == 2
    assert f'image_verify: found "{topic}", wanted a topic of lower-case letters' in err
    assert list(tmp_path.rglob("*.json")) == [tmp_path / "draft.json"]


@pytest.mark.parametrize("wish", ["IV-014", "image_verify::file_is_judged_as_expected/IV-014[B1]"])
def test_rows_that_nobody_asked_for_are_cases_all_the_same(wish: str) -> None:
    every = run_suite(RunOptions(profiles=built_in()[:1], list_only=True)).collected
    found = run_suite(RunOptions(profiles=built_in()[:1], match=(wish,), list_only=True)).collected
    assert [one.id for one in found.chosen] == [
        "image_verify::file_is_judged_as_expected/IV-014[B1]"
    ]
    told, wanted = ({_row(one) for one in each.every} for each in (found, every))
    assert told == wanted


def _row(one: About) -> tuple[str, str, Coverage]:
    """Return what the matrix takes of a row: the case, the vector, what it judges."""
    return one.case.partition("/")[0], one.vector, one.coverage
