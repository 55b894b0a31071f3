"""The folder of a run is sealed: one octet that changed, a file that is gone or new, is named."""

import json
import os
import shutil
from pathlib import Path
from random import Random

import pytest

from harness.report import folder, manifest
from harness.report.folder import FIXED
from harness.report.manifest import FILE, ManifestError
from tests.harness.reports import MIXED, report, result


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder that nobody may change, and its seal."""
    made = tmp_path_factory.mktemp("sealed")
    (made / "traces").mkdir()
    (made / "traces/a.jsonl").write_text("", "utf-8")
    return made, folder.write(made, report(*MIXED, result("a::y", trace="traces/a.jsonl")))


@pytest.fixture
def copy(sealed: tuple[Path, str], tmp_path: Path) -> Path:
    return Path(shutil.copytree(sealed[0], tmp_path / "copy"))


def names(root: Path) -> list[str]:
    return sorted(one.relative_to(root).as_posix() for one in root.rglob("*") if one.is_file())


def test_a_folder_that_nobody_touched_is_as_it_was(sealed: tuple[Path, str]) -> None:
    root, seal = sealed
    assert manifest.verify(root) == (seal, ())


def test_the_manifest_names_every_file(sealed: tuple[Path, str]) -> None:
    root, _ = sealed
    document = json.loads((root / FILE).read_text("utf-8"))
    assert sorted([*document["files"], FILE]) == names(root)
    assert {"report.json", "junit.xml", "traces/a.jsonl", "cases/a-good.html", *FIXED} <= set(
        document["files"]
    )


def test_one_changed_octet_of_any_file_is_found(copy: Path) -> None:
    chance = Random(8)
    for name in names(copy):
        path = copy / name
        octets = bytearray(path.read_bytes())
        if not octets:
            continue
        for _ in range(3):
            at, bit = chance.randrange(len(octets)), 1 << chance.randrange(8)
            octets[at] ^= bit
            path.write_bytes(octets)
            _, problems = manifest.verify(copy)
            assert problems, f"{name}, octet {at}, bit {bit}"
            if name != FILE:
                assert [one.partition(":")[0] for one in problems] == [name]
            octets[at] ^= bit
        path.write_bytes(octets)
    assert manifest.verify(copy)[1] == ()


def test_every_octet_of_the_manifest_counts(copy: Path) -> None:
    path = copy / FILE
    octets = path.read_bytes()
    for at in range(0, len(octets), 7):
        path.write_bytes(octets[:at] + bytes([octets[at] ^ 0x20]) + octets[at + 1 :])
        seal, problems = manifest.verify(copy)
        assert problems, f"octet {at}: {octets[at : at + 1]!r}"
        assert seal != manifest.seal_of(octets)


@pytest.mark.parametrize(
    "rest", [b"", b"[]", b"{}", b'{"layout": 7}', b"\xff\xff", b"null", b"[" * 99_999]
)
def test_a_manifest_that_is_none_is_said_so(copy: Path, rest: bytes) -> None:
    (copy / FILE).write_bytes(rest)
    (problem,) = manifest.verify(copy)[1]
    assert problem.startswith(f"{FILE}: found no manifest")


def test_a_manifest_in_another_form_is_not_ours(copy: Path) -> None:
    document = json.loads((copy / FILE).read_text("utf-8"))
    (copy / FILE).write_text(json.dumps(document), "utf-8")
    (problem,) = manifest.verify(copy)[1]
    assert problem.startswith(f"{FILE}: found octets that nobody of ours wrote")


def test_files_that_are_gone_new_or_longer_are_named(copy: Path) -> None:
    (copy / "junit.xml").unlink()
    (copy / "cases/new.html").write_text("", "utf-8")
    (copy / "index.html").write_bytes((copy / "index.html").read_bytes() + b"\n")
    (copy / "link").symlink_to("nowhere")
    (copy / "report.css").unlink()
    (copy / "report.css").mkdir()
    problems = dict(one.split(": found ") for one in manifest.verify(copy)[1])
    assert problems["junit.xml"].startswith("no file, wanted ")
    assert problems["cases/new.html"].startswith("a file, wanted none")
    assert problems["index.html"].endswith(f"wanted {(copy / 'index.html').stat().st_size - 1}")
    assert problems["link"].startswith("a link, wanted none")
    assert problems["report.css"].startswith("no file, wanted ")
    assert len(problems) == 5


def test_a_link_in_a_file_s_place_is_named_whatever_it_points_to(
    copy: Path, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    for name in ("junit.xml", FILE):
        (copy / name).rename(away / name)
        (copy / name).symlink_to(away / name)
    assert [one.partition(", ")[0] for one in manifest.verify(copy)[1]] == [
        f"{FILE}: found a link",
        "junit.xml: found a link",
    ]


def test_a_folder_may_be_moved_and_may_have_empty_folders(copy: Path, tmp_path: Path) -> None:
    (copy / "empty").mkdir()
    moved = copy.rename(tmp_path / "Prüfstand 7, Köln")
    assert manifest.verify(moved)[1] == ()


@pytest.mark.parametrize("name", ["ä 7.txt", "two\nlines", "colour\x1b[31m", "no utf-8 \udcff"])
def test_an_odd_name_is_one_line_that_can_be_printed(copy: Path, name: str) -> None:
    (copy / name).write_text("", "utf-8")
    (problem,) = manifest.verify(copy)[1]
    assert problem.isprintable()
    assert problem.endswith(": found a file, wanted none: the manifest does not name it")
    manifest.write(copy)
    assert manifest.verify(copy)[1] == ()


def test_a_lost_manifest_is_a_difference_and_no_folder_is_an_error(
    copy: Path, tmp_path: Path
) -> None:
    (copy / FILE).unlink()
    assert manifest.verify(copy)[1] == (
        f"{FILE}: found no file, wanted it: without it nothing can be told",
    )
    for other in (tmp_path / "none", copy / "cases", copy / "index.html"):
        with pytest.raises(ManifestError, match="wanted the "):
            manifest.verify(other)


def test_what_a_stranger_left_is_sealed_too_and_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    folder.write(tmp_path, report(*MIXED))
    assert manifest.verify(tmp_path)[1] == ()
    (tmp_path / "notes.txt").write_text("thine", "utf-8")
    assert [one.partition(":")[0] for one in manifest.verify(tmp_path)[1]] == ["notes.txt"]


def test_a_link_that_lies_in_the_way_is_not_written_through(tmp_path: Path) -> None:
    victim, made = tmp_path / "victim", tmp_path / "made"
    victim.write_text("mine", "utf-8")
    (made / "cases").mkdir(parents=True)
    for name in ("report.json", "junit.xml", "report.css", FILE, "cases/a-y.html"):
        (made / name).symlink_to(victim)
    folder.write(made, report(result("a::y")))
    assert victim.read_text("utf-8") == "mine"
    assert manifest.verify(made)[1] == ()


def test_a_pipe_for_a_manifest_is_no_folder_of_a_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / FILE)
    with pytest.raises(ManifestError, match="found something that is no file"):
        manifest.verify(tmp_path)


def test_pages_of_the_run_before_go_and_a_run_without_pages_has_none(tmp_path: Path) -> None:
    folder.write(tmp_path, report(result("a::x"), result("a::y")))
    (tmp_path / "cases/mine.html").write_text("", "utf-8")
    folder.write(tmp_path, report(result("a::y")))
    assert sorted(one.name for one in (tmp_path / "cases").iterdir()) == ["a-y.html", "mine.html"]
    folder.write(tmp_path, report(result("a::y")), pages=False)
    assert names(tmp_path) == ["cases/mine.html", "junit.xml", FILE, "report.json"]
    assert manifest.verify(tmp_path)[1] == ()
