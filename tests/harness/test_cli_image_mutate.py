"""Hold ``hanover image mutate`` and ``hanover image diff`` to what they print and how they exit."""

import json
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner, Result

from emulator.crypto.suites import Suite
from emulator.image.build import build
from emulator.image.keys import new_authority, new_signer, write_key
from emulator.image.lint import lint
from emulator.image.mutations import MUTATIONS, mutate
from emulator.wire.ota_reader import read
from harness.cli.image import image

PLAIN = {"payload": b"payload" * 20, "manufacturer": 0xFFF1, "image_type": 3, "version": 7}
GOOD = build(**PLAIN)  # type: ignore[arg-type]


def call(*arguments: str | Path) -> Result:
    """Run the command; an exception that is no exit fails the test here."""
    result = CliRunner().invoke(image, [str(one) for one in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Write an honest file."""
    path = tmp_path / "good.ota"
    path.write_bytes(GOOD)
    return path


# mutate


def test_a_mutation_writes_what_it_makes(good: Path, tmp_path: Path) -> None:
    """Write the same octets for the same seed, and print the edits that made them."""
    out = tmp_path / "out.ota"
    result = call("mutate", good, out, "--mutation", "flip-image-bit", "--seed", "5")
    assert result.exit_code == 0
    assert out.read_bytes() == mutate("flip-image-bit", GOOD, Random(5))
    heading, edit = result.stdout.splitlines()
    assert heading == f"{out}: {len(GOOD)} octets"
    assert set(json.loads(edit)) == {"at", "xor"}


def test_its_edits_make_it_again(good: Path, tmp_path: Path) -> None:
    """Take the edits of JSON, from the command line and from a file, for the same octets."""
    first, second, third = (tmp_path / name for name in ("1", "2", "3"))
    made = json.loads(call("mutate", good, first, "--mutation", "noise", "--json").stdout)
    assert (made["mutation"], made["seed"], made["size"]) == ("noise", 0, len(GOOD))
    edits = json.dumps(made["edits"])
    (tmp_path / "edits.json").write_text(edits)
    assert call("mutate", good, second, "--edits", edits).exit_code == 0
    assert call("mutate", good, third, "--edits", f"@{tmp_path}/edits.json").exit_code == 0
    assert first.read_bytes() == second.read_bytes() == third.read_bytes() != GOOD


def test_all_mutations_are_listed() -> None:
    """Print a line each, and the same as JSON."""
    result = call("mutate", "--list")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == len(MUTATIONS)
    assert "false-signer               signed as somebody else (ZCL 11.7.1), needs --key" in (
        result.stdout
    )
    rows = json.loads(call("mutate", "--list", "--json").stdout)
    assert [row["name"] for row in rows] == list(MUTATIONS)


def test_a_key_signs_what_a_mutation_makes(good: Path, tmp_path: Path) -> None:
    """Sign as somebody else; refuse a CA's key, and none."""
    authority = new_authority(Suite.TWO, 0xCA, Random(1))
    key, ca = tmp_path / "key.json", tmp_path / "ca.json"
    key.write_text(write_key(new_signer(authority, 5, Random(2))))
    ca.write_text(write_key(authority))
    good.write_bytes(build(**PLAIN, integrity=False))  # type: ignore[arg-type]
    arguments = ("mutate", good, tmp_path / "out", "--mutation", "false-signer")
    assert call(*arguments, "--key", key).exit_code == 0
    assert [flaw.code for flaw in lint((tmp_path / "out").read_bytes())] == ["signer-not-subject"]
    assert "found no --key FILE" in call(*arguments, "--force").stderr
    result = call(*arguments, "--key", ca, "--force")
    assert result.exit_code == 2
    assert "found a CA's key" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("--mutation", "destination"), 1, "destination: found no such place in the file"),
        (("--mutation", "nothing"), 2, "--mutation: found 'nothing', wanted a name of --list"),
        (("--mutation", ""), 2, "--mutation: found '', wanted a name of --list"),
        ((), 2, "either --mutation NAME or --edits JSON"),
        (("--mutation", "magic", "--edits", "[]"), 2, "either --mutation NAME or --edits JSON"),
        (("--edits", "[]"), 2, "--edits: found an empty list"),
        (("--edits", "{}"), 2, "--edits: found other JSON, wanted a list of objects"),
        (("--edits", "[1]"), 2, "--edits: found other JSON"),
        (("--edits", "["), 2, "--edits: found no JSON"),
        (("--edits", "[" * 100_000), 2, "--edits: found no JSON"),
        (("--edits", "@nothing.json"), 2, "nothing.json: found nothing, wanted a file"),
        (("--edits", '[{"at": 0}]'), 1, "edit 0: found verbs none"),
        (("--edits", '[{"keep": 1e400}]'), 1, "edit 0: keep: found inf, wanted a number"),
    ],
)
def test_wrong_use_writes_nothing(
    good: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, complaint: str
) -> None:
    """Complain in one line."""
    result = call("mutate", good, tmp_path / "out", *arguments)
    assert result.exit_code == code
    assert complaint in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_mutated_file_replaces_only_by_force(good: Path) -> None:
    """Refuse to write over a file, even over FILE itself."""
    assert call("mutate", good, good, "--mutation", "magic").exit_code == 2
    assert good.read_bytes() == GOOD
    assert call("mutate", good, good, "--mutation", "magic", "--force").exit_code == 0
    assert call("inspect", good).exit_code == 1


# diff


def test_the_same_files_exit_with_0(good: Path) -> None:
    """Say how long both are."""
    result = call("diff", good, good)
    assert result.exit_code == 0
    assert result.stdout == f"{good} and {good} are the same: {len(GOOD)} octets\n"


def test_what_differs_is_told(good: Path, tmp_path: Path) -> None:
    """Print fields, elements, manifest and ranges; exit with 1; say the same as JSON."""
    other = tmp_path / "other.ota"
    other.write_bytes(build(**(PLAIN | {"version": 8})))  # type: ignore[arg-type]
    result = call("diff", good, other)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines.count("  file version: 0x7 -> 0x8") == 2  # in header and manifest
    assert "  at 14        1 octets" in lines
    view = json.loads(call("diff", good, other, "--json").stdout)
    assert view["same"] is False
    assert view["header"] == [{"what": "file version", "first": "0x7", "second": "0x8"}]
    assert view["ranges"][0] == {"offset": 14, "size": 1}


def test_what_is_no_file_is_compared_as_octets(good: Path, tmp_path: Path) -> None:
    """Say so; a file that is not there is wrong use."""
    (tmp_path / "text").write_bytes(b"text")
    result = call("diff", good, tmp_path / "text")
    assert result.exit_code == 1
    assert "text is compared as octets only: OtaHeader: need 56" in result.stdout
    assert call("diff", good, tmp_path / "none").exit_code == 2


# build


def test_null_files_and_elements_are_built(tmp_path: Path) -> None:
    """Build without an image, and with a maker's element."""
    out, part = tmp_path / "out", tmp_path / "part"
    part.write_bytes(b"vendor")
    ids = ("--manufacturer", "1", "--type", "2", "--version", "3")
    result = call("build", out, "--null", *ids, "--element", f"0xF123={part}", "--no-integrity")
    assert result.exit_code == 0
    assert [(e.tag, e.data) for e in read(out.read_bytes())[0].elements] == [(0xF123, b"vendor")]
    for wrong, complaint in (
        (("--element", "0xF123"), "--element: found '0xF123', wanted TAG=FILE"),
        (("--element", f"0x10000={part}"), "wanted 0 to 0xffff"),
        (("--size", "4"), "--null: found a payload as well"),
    ):
        refused = call("build", tmp_path / "no", "--null", *ids, *wrong)
        assert refused.exit_code == 2
        assert complaint in refused.stderr
