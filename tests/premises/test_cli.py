"""``hanover premises`` upgrades a home, shows it, and says in one line what is wrong."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from emulator.image.build import build
from emulator.units import DAY, HOUR, MINUTE, SECOND
from emulator.wire.manifest import Trait
from harness.cli.main import run_command
from harness.cli.premises_options import Asked, planted_in
from harness.firmware import filler
from harness.premises.defects import HOME_DEFECTS, planted
from harness.premises.load import load, names
from harness.report import manifest, premises_folder

SMALL = ("--size", "600")
HOME_WITHOUT_A_WAY = """
name = "torn"
about = "nothing crosses the link"
[[bridge]]
type = "x"
profile = "B1"
role = "near"
parent = "hub"
serves = ["remote_ihd"]
[[bridge]]
type = "y"
profile = "B2"
role = "remote_ihd"
parent = "near"
serves = ["display"]
[[device]]
name = "display"
kind = "display"
parent = "remote_ihd"
[[link]]
between = ["near", "remote_ihd"]
loss = 1.0
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs the command: exit code, stdout, stderr."""

    def ran(*words: str) -> tuple[int, str, str]:
        code = run_command(["premises", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return ran


def file_for(folder: Path, name: str = "near", home: str = "C1", **more: object) -> Path:
    """Return a good image for a bridge of a home, but for what is given."""
    own = load(home).bridge(name).profile.ota
    values: dict[str, object] = {
        "payload": filler(700, 9),
        "manufacturer": own.manufacturer_code,
        "image_type": own.image_type,
        "version": 0x20,
        "hardware": (own.hardware_version, own.hardware_version),
    }
    file = folder / f"{name}.ota"
    file.write_bytes(build(**values | more))  # type: ignore[arg-type]  # as the test wants
    return file


# What a user sees of a home.


def test_home_is_upgraded_and_told(run: Run) -> None:
    code, out, err = run("C6", *SMALL)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("note: every bridge takes a made image, one version up (0x02000000)")
    assert lines[1] == "C6 (smallest), seed 0: confirmed"
    assert "plan: remote_ihd, then remote_gsme, then near" in lines
    rows = {line.split()[0]: line.split() for line in lines if line}
    for name in ("near", "remote_ihd", "remote_gsme"):
        assert rows[name][2:5] == ["confirmed", "0x02000000", "0x02000000"]
    assert rows["display"][1] == "remote_ihd"
    assert re.fullmatch(r"all confirmed after [\d min]+\.\d s", lines[-1])
    assert "virtual minutes in" in err.splitlines()[-1]


@pytest.mark.parametrize("home", ["C3", "C4-alternative", "c7"])
def test_json_is_the_outcome_alone_and_the_same_for_the_same_seed(run: Run, home: str) -> None:
    words = (home, *SMALL, "--json", "--seed", "3", "--fault", "near:reboots=3")
    first, again = run(*words), run(*words)
    assert first[:2] == again[:2]
    told = json.loads(first[1])
    assert (told["schema"], told["seed"]) == ("hanover-premises-1", 3)
    assert told["state"] == "confirmed"
    assert first[0] == 0


def test_mute_pair_is_undone_and_named(run: Run) -> None:
    code, out, _ = run(
        "C1", *SMALL, "--speaks", "near=2..2", "--order", "near,remote_ihd", "--anyway"
    )
    assert code == 1
    assert "C1 (smallest), seed 0: partial" in out
    (back,) = [line for line in out.splitlines() if "went back" in line]
    assert back.endswith("(near speaks 2..2, remote_ihd speaks 1..1)")


def test_wrong_order_is_refused_with_one_that_would_do(run: Run) -> None:
    words = ("C1", *SMALL, "--speaks", "near=2..2", "--speaks", "remote_ihd=1..2")
    code, out, _ = run(*words, "--order", "near,remote_ihd")
    assert code == 1
    assert "refused: step 1 (near): near would speak 2..2 and remote_ihd speaks 1..1" in out
    assert "wanted an order such as remote_ihd,near" in out
    assert run(*words)[0] == 0


def test_low_battery_waits_and_the_rest_goes_on(run: Run) -> None:
    code, out, _ = run("C7", *SMALL, "--battery", "remote_gsme=3", "--json")
    told = json.loads(out)
    assert (code, told["state"]) == (1, "partial")
    assert {one["name"]: one["state"] for one in told["bridges"]} == {
        "near": "confirmed",
        "remote_ihd": "confirmed",
        "remote_gsme": "deferred",
    }
    assert "battery: found 3 %" in told["bridges"][2]["why"]


def test_fault_is_seen_by_the_household(run: Run) -> None:
    _, out, _ = run("C1", *SMALL, "--json", "--fault", "near:off@10m..25m")
    (display, _) = json.loads(out)["devices"]
    assert 14 * MINUTE < display["longest_dark_us"] < 16 * MINUTE
    start, end = display["dark"][-1]
    assert start < 10 * MINUTE < 25 * MINUTE < end


def test_home_that_was_without_supply_for_a_day_is_judged_afterwards(run: Run) -> None:
    code, out, _ = run("C2", *SMALL, "--json", "--fault", "home:off@2s..1d")
    told = json.loads(out)
    assert (code, told["state"]) == (0, "confirmed")
    (display, meter) = told["devices"]
    assert (display["off"], meter["off"]) == ([[2 * SECOND, DAY]], [])  # a meter has its battery
    assert meter["longest_dark_us"] > DAY - HOUR


def test_fault_behind_the_last_step_happens_too(run: Run) -> None:
    _, out, _ = run("C1", *SMALL, "--json", "--fault", "near:off@5h..6h")
    told = json.loads(out)
    assert (told["state"], told["bridges"][0]["boots"]) == ("confirmed", 2)
    assert told["devices"][0]["longest_dark_us"] > 59 * MINUTE


def test_both_remotes_at_once(run: Run) -> None:
    code, out, _ = run("C6", *SMALL, "--both", "--json")
    assert (code, json.loads(out)["plan"]["steps"]) == (
        0,
        [["remote_ihd", "remote_gsme"], ["near"]],
    )


def test_plan_alone_runs_nothing(run: Run) -> None:
    code, out, err = run("C6", "--plan")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "plan: remote_ihd, then remote_gsme, then near"
    code, out, _ = run("C1", "--plan", "--json", "--speaks", "near=2..2")
    assert code == 1
    assert "wanted images that share a protocol" in json.loads(out)["refused"]
    code, out, _ = run("C3", "--plan", "--battery", "remote_gsme=0", "--speaks", "near=1..2")
    assert (code, out.count("has to wait")) == (0, 1)


def test_list_has_every_home(run: Run) -> None:
    code, out, _ = run("--list")
    assert code == 0
    assert [line.partition(":")[0] for line in out.splitlines() if line[0] != " "] == [*names()]
    told = json.loads(run("--list", "--json")[1])["premises"]
    assert [one["name"] for one in told] == [*names()]
    assert told[6]["bridges"][2]["serves"] == ["meter"]


def asked(*defects: tuple[str, str]) -> Asked:
    """Return what a user asks for who only plants defects."""
    return Asked(
        images=(),
        size=600,
        speaks=(),
        order=None,
        together=False,
        anyway=False,
        faults=(),
        seed=0,
        defects=defects,
        batteries=(),
        out=None,
        traced=False,
        as_json=False,
    )


def test_defect_is_planted_in_a_bridge_in_all_or_in_the_hub() -> None:
    home = load("C1")
    assert planted_in(asked(), home) == planted(None, home)
    own = planted_in(asked(("near", "d001")), home)
    assert own["defects"] == {"near": "D001"}
    every = planted_in(asked(("home", "D001"), ("near", "D002")), home)
    assert every["defects"] == {"near": "D002", "remote_ihd": "D001"}
    for id, one in HOME_DEFECTS.items():
        found = planted_in(asked(("home", id)), home)
        assert (found["hub"], found["conductor"], found["defects"]) == (one.hub, one.conductor, {})


def test_planted_defect_changes_how_the_home_ends(run: Run) -> None:
    words = ("C1", *SMALL, "--json", "--seed", "1")
    sound, spoilt = run(*words), run(*words, "--defect", "remote_ihd=D204")
    assert sound[0] == 0
    assert sound[1] != spoilt[1]


# Files.


def test_users_file_is_one_version_up_and_the_others_stay(run: Run, tmp_path: Path) -> None:
    file = file_for(tmp_path)
    code, out, _ = run("C1", "--image", f"near={file}", "--json")
    near, remote = json.loads(out)["bridges"]
    assert code == 0
    assert (near["first_version"], near["version"], near["state"]) == (0x1F, 0x20, "confirmed")
    assert (remote["offered_version"], remote["state"]) == (None, "unchanged")
    note = run("C1", "--image", f"near={file}")[1].splitlines()[0]
    assert note.startswith("note: near runs version 0x0000001F, one below ")


def test_file_is_read_for_its_links(run: Run, tmp_path: Path) -> None:
    file = file_for(tmp_path, link_protocol=(2, 3))
    code, out, _ = run("C1", "--image", f"near={file}", "--plan")
    assert code == 1
    assert "near would speak 2..3 and remote_ihd speaks 1..1" in out


def test_image_that_the_bridge_refuses_says_why(run: Run, tmp_path: Path) -> None:
    file = file_for(tmp_path)
    octets = bytearray(file.read_bytes())
    octets[-40] ^= 1
    file.write_bytes(octets)
    code, out, _ = run("C1", "--image", f"near={file}")
    assert code == 1
    assert "C1 (smallest), seed 0: refused" in out
    assert "near: it refused the image: " in out


def test_mute_image_goes_back(run: Run, tmp_path: Path) -> None:
    file = file_for(tmp_path, traits=Trait.MUTE)
    code, out, _ = run("C1", "--image", f"near={file}", "--json")
    assert (code, json.loads(out)["state"]) == (1, "back")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"image_type": 7}, "image type: found 0x0007, wanted 0x0001, that of near (B1)"),
        ({"manufacturer": 7}, "manufacturer: found 0x0007, wanted 0xFFF1, that of near (B1)"),
        (
            {"hardware": (9, 10)},
            "hardware versions: found 0x0009..0x000A, wanted a range that holds 0x0102",
        ),
        ({"version": 0}, "found file version 0, wanted one above"),
        ({"payload": bytes(300_000)}, "wanted at most the 262144 of a slot"),
    ],
)
def test_file_that_is_not_for_its_bridge_is_refused(
    run: Run, tmp_path: Path, more: dict[str, object], said: str
) -> None:
    file = file_for(tmp_path, **more)
    code, out, err = run("C1", "--image", f"near={file}")
    assert (code, out) == (2, "")
    assert err.startswith(f"hanover: --image near: {file}: ")
    assert said in err
    assert err.count("\n") == 1


def test_two_files_of_one_type_go_into_one_step(run: Run, tmp_path: Path) -> None:
    words = []
    for name, fill in (("remote_ihd", 1), ("remote_gsme", 2)):
        file = file_for(tmp_path, name, "C6-alternative", payload=filler(500, fill))
        words += ["--image", f"{name}={file}"]
    code, out, _ = run("C6-alternative", *words, "--both")
    assert code == 0
    assert "all confirmed after" in out


# Wrong use.


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "HOME: found nothing"),
        (("C1-alternativ",), "did you mean C1-alternative?"),
        (("nothing.toml",), "nothing.toml: "),
        (("C1", "--image", "near"), "found 'near', wanted BRIDGE=FILE"),
        (("C1", "--image", "neer=x"), "found neer, wanted one of near, remote_ihd; did you mean"),
        (("C1", "--image", "near=a", "--image", "near=b"), "--image: found near twice"),
        (("C1", "--image", "near=a"), "a: found nothing, wanted a file"),
        (("C1", "--speaks", "near=1..2", "--speaks", "near=1..2"), "found near twice"),
        (("C1", "--speaks", "near=2..1"), "found '2..1', wanted LOW..HIGH"),
        (("C1", "--speaks", "near=1..256"), "found '1..256', wanted LOW..HIGH"),
        (("C1", "--speaks", "near=1..2", "--image", "near=x"), "--speaks: found --image too"),
        (("C1", "--size", "3MB"), "found '3MB', wanted 1 to 64MiB"),
        (("C1", "--size", "0"), "found '0', wanted 1 to 64MiB"),
        (("C1", "--size", "64MiB"), "found an image of 67109018 octets for near (B1), wanted"),
        (("C7", "--size", "200KiB"), "for remote_gsme (B4), wanted at most the 131072 of its slot"),
        (("C1", "--order", "near"), "order: found near, wanted near, remote_ihd"),
        (("C1", "--order", "near,remote_ihd", "--both"), '--both: found --order too, wanted "+"'),
        (("C1", "--anyway"), "--anyway: found no --order"),
        (("C1", "--fault", "near:ut@2"), 'fault near:ut@2: found "ut@2"'),
        (("C1", "--defect", "near=D999"), "--defect near: found D999, wanted a defect"),
        (("C1", "--defect", "near=D431"), "which is of the hub, wanted home=D431"),
        (("C1", "--battery", "near=3"), "found near, wanted nothing: no bridge has one"),
        (("C3", "--battery", "remote_gsme=101"), "found '101', wanted 0 to 100"),
        (("C1", "--trace"), "--trace: found no --out"),
        (("C1", "--plan", "--out", "x"), "--out: found --plan too"),
        (("C1", "--plan", "--fault", "near:cut@1s"), "--fault: found --plan too"),
        (("C1", "--list"), "HOME: found --list too, wanted one of them"),
        (("--list", "--order", "near"), "--order: found --list too, wanted one of them"),
        (("C1", "--both"), "--both: found one remote in C1, wanted two"),
        (("C1", "--image", "near=x", "--size", "9"), "--size: found --image too"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_wrong_use_is_said_in_one_line(run: Run, words: tuple[str, ...], said: str) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("hanover: ")
    assert err.count("\n") == 1


def test_home_that_does_not_come_up_is_no_success(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "torn.toml"
    file.write_text(HOME_WITHOUT_A_WAY)
    out = tmp_path / "out"
    assert run("C1", *SMALL, "--out", str(out))[0] == 0
    code, said, err = run(str(file), "--out", str(out), "--json")
    assert code == 1
    assert "hanover: remote_ihd: found no answer at the start" in err
    written = json.loads((out / "premises.json").read_text("utf-8"))
    assert json.loads(said).items() >= written.items()  # nothing of the home before
    assert (written["state"], written["bridges"][1]["state"]) == ("stranded", "unreachable")


# The folder.


def test_folder_has_outcome_page_trace_and_seal(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "new" / "home"
    code, said, _ = run("C1", *SMALL, "--out", str(out), "--trace", "--fault", "near:cut@5s")
    assert code == 0
    assert sorted(one.name for one in out.iterdir()) == [
        "manifest.json",
        "premises.html",
        "premises.json",
        "trace.jsonl",
    ]
    seal, problems = manifest.verify(out)
    assert problems == ()
    assert said.splitlines()[-1] == f"seal: {seal}"
    text = (out / "premises.html").read_text()
    assert "hanover premises C1 --size 600 --out" in text
    assert "near:cut@5s" in text
    first = json.loads((out / "trace.jsonl").read_text().splitlines()[0])
    assert {"t_us", "who", "what"} <= first.keys()
    assert run_command(["report", "verify", str(out)]) == 0


def test_json_has_the_seal_of_the_folder(run: Run, tmp_path: Path) -> None:
    code, said, _ = run("C1", *SMALL, "--out", str(tmp_path), "--json")
    told = json.loads(said)
    jsonschema.validate(told, premises_folder.schema())
    assert (code, manifest.verify(tmp_path)) == (0, (told.pop("seal"), ()))
    assert told == json.loads((tmp_path / "premises.json").read_text("utf-8"))


# The guide.


def examples() -> list[tuple[str, str]]:
    """Return every command of the guide that is shown with what it prints."""
    text = (Path(__file__).parents[2] / "docs" / "guides" / "premises.md").read_text("utf-8")
    blocks = re.findall(r"```\n\$ hanover premises (.*?)\n(.*?)```", text, re.DOTALL)
    return [(words, printed) for words, printed in blocks]


@pytest.mark.parametrize(("words", "printed"), examples(), ids=lambda one: one.split("\n")[0])
def test_guide_shows_what_is_printed(run: Run, words: str, printed: str) -> None:
    assert run(*shlex.split(words))[1] == printed


def test_guide_has_its_three_examples() -> None:
    assert len(examples()) >= 3
