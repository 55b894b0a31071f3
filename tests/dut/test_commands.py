"""The commands of a lab: run, plan, resume, interview, check, ports; and their exit codes."""

import json
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from emulator.profiles.load import load, names
from emulator.wire import ota
from harness.bench import Bench
from harness.cli.main import run_command
from harness.cli.ports import find_ports
from harness.cli.run_day import Span, spoken
from harness.dut.interview import as_file, interview, unlike
from harness.dut.journal import JOURNAL
from harness.dut.load import load_dut
from tests.dut.files import BASE, EUI64, firmware, write_dut
from tests.dut.programs import program_of
from tests.harness import planted

Said = pytest.CaptureFixture[str]


def hanover(*words: str | Path) -> int:
    return run_command([str(word) for word in words])


def run(dut: Path, *words: str | Path) -> int:
    out = dut.parent / "report"
    return hanover("run", "--dut", dut, "-k", "idle_attributes", "--out", out, *words)


def test_run_reports_the_device(tmp_path: Path, capsys: Said) -> None:
    path = write_dut(tmp_path)
    assert run(path) == 0
    assert "idle_attributes" in capsys.readouterr().out
    report = json.loads((tmp_path / "report/report.json").read_text("utf-8"))
    assert report["subject"]["kind"] == "device under test"
    assert report["profiles"][0]["given"] == str(path)
    assert report["pics"]["my-bridge"]["OTA.CLIENT.PAGE"] is False
    assert report["finished"] is True
    assert len((tmp_path / "report" / JOURNAL).read_text("utf-8").splitlines()) == 2


def test_failed_case_is_replayed_with_its_file(tmp_path: Path, capsys: Said) -> None:
    path = write_dut(tmp_path)
    words = ("-k", "wrong_integrity_code", "--defect", "D105", "--fail-on", "all")
    power = ("--power", f"cmd:{sys.executable} -c 1", "--link", "loopback:")
    assert hanover("run", "--dut", path, "--out", tmp_path / "report", *words, *power) == 1
    said = capsys.readouterr().out
    (line,) = (line for line in said.splitlines() if line.strip().startswith("replay"))
    replay = shlex.split(line)[1:]
    assert replay[replay.index("--dut") + 1] == str(path)
    assert replay[replay.index("--power") + 1] == power[1]
    assert replay[replay.index("--link") + 1] == "loopback:"
    assert hanover(*replay[1:], "--fail-on", "all", "--out", tmp_path / "again") == 1


def test_several_devices_run_one_after_the_other(tmp_path: Path, capsys: Said) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    paths = [
        write_dut(folder, name=f"{folder.name}-bridge", eui64=EUI64 + at)
        for at, folder in enumerate(folders)
    ]
    assert run(paths[1], "--dut", paths[0]) == 0
    lines = (folders[1] / "report" / JOURNAL).read_text("utf-8").splitlines()[1:]
    names = [json.loads(line)["profile"] for line in lines]
    assert names == ["two-bridge", "one-bridge"]  # in the order of the command line


WRONG = [
    (("--dut", "DUT", "--profile", BASE), "--profile: found beside --dut, wanted one of the two"),
    (("--dut", "DUT", "-n", "2"), "-n: found 2, wanted 1 beside --dut"),
    (("--dut", "DUT", "--dut", "DUT"), "--dut: found name my-bridge twice"),
    (("--dut", "DUT", "--power", "lamp"), 'power: found "lamp", wanted cmd:COMMAND'),
    (("--dut", "DUT", "--time-budget", "soon"), "found soon, wanted a time such as 2h"),
    (("--dut", "DUT", "--resume", "none"), "none/journal.jsonl: found no such file"),
    (("--dut", "DUT", "--resume", "x", "--out", "y"), "--out: found beside --resume"),
    (("--plan",), "--plan: found no --dut, wanted one beside it"),
    (("--resume", "x"), "--resume: found no --dut"),
    (("--power", "ask"), "--power: found no --dut"),
    (("--dut", "none.toml"), "none.toml: found no such file"),
]


@pytest.mark.parametrize(("words", "said"), WRONG, ids=[" ".join(one[0]) for one in WRONG])
def test_wrong_use_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = str(write_dut(tmp_path))
    assert hanover("run", *(path if word == "DUT" else word for word in words)) == 2
    complaint = capsys.readouterr().err
    assert said in complaint
    assert complaint.count("\n") == 1


SPOILT = [
    ("[states]\n'OTA.CLIENT.PAGE' = true\n", "states.OTA.CLIENT.PAGE: found true, wanted false"),
    ("[states]\n'OTA.PAGES' = true\n", "states.OTA.PAGES: found an unknown key"),
    ("[jion]\n", "jion: found an unknown key"),
    ("[join]\ninstall_code = '83fed3407a939723a5c639b26916d505c3b6'\n", "join.install_code: CRC: "),
    ("link = 'pigeon:coop'\n", "link: pigeon:coop: unknown scheme, expected one of direct:"),
    (
        "[profile]\nota.timer_scale = 3600\n",
        "profile.ota.timer_scale: found 3600, wanted 72 at most",
    ),
]


@pytest.mark.parametrize(("tables", "said"), SPOILT, ids=[one[1] for one in SPOILT])
def test_spoilt_file_is_one_line(tmp_path: Path, capsys: Said, tables: str, said: str) -> None:
    path = write_dut(tmp_path, tables=tables)
    for words, code in ((("run", "--dut", path), 2), (("dut", "check", path), 1)):
        assert hanover(*words) == code
        complaint = capsys.readouterr().err
        assert complaint.startswith(f"hanover: {path}: {said}")
        assert complaint.count("\n") == 1


def test_check_asks_a_program_what_it_offers(tmp_path: Path, capsys: Said) -> None:
    path = write_dut(tmp_path)
    for offered, code in (("[]", 2), ("['frame counters']", 0)):
        link = "exec:" + program_of(offered)
        assert hanover("dut", "check", path, "-k", "frame_counters_never", "--link", link) == code
        said = capsys.readouterr().out
        assert ("not: this lane has no frame counters" in said) is (code == 2)
    assert hanover("dut", "check", path, "-k", "idle", "--link", "exec:/nowhere/program") == 3


def test_plan_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_dut(tmp_path)
    assert hanover("run", "--dut", path, "-k", "idle_attributes", "--plan") == 0
    said = capsys.readouterr().out
    assert "attributes::idle_attributes[my-bridge]" in said
    assert "my-bridge: 1 of 1 cases will run, with 0 restores" in said
    assert said.splitlines()[-1].endswith(" of virtual time")
    assert not (tmp_path / "hanover-report").exists()
    assert hanover("run", "--dut", path, "-k", "page_with_gaps", "--plan", "--json") == 2
    (plan,) = json.loads(capsys.readouterr().out)["plans"]
    assert plan["not_run"] == {"the device states no OTA.CLIENT.PAGE": 2}


def test_time_that_is_up_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    path = write_dut(tmp_path)
    ticks = iter(range(0, 100_000, 40))
    monkeypatch.setattr("harness.cli.run_day.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    assert run(path, "-k", "client_cluster", "--time-budget", "1m") == 2
    said = capsys.readouterr().err
    assert "the time is up: 1 cases have no result" in said
    report = json.loads((tmp_path / "report/report.json").read_text("utf-8"))
    assert (report["finished"], report["exit_code"], len(report["results"])) == (False, 2, 1)

    monkeypatch.undo()
    match = ("-k", "idle_attributes", "-k", "client_cluster")
    assert hanover("run", "--dut", path, *match, "--resume", tmp_path / "report") == 0
    report = json.loads((tmp_path / "report/report.json").read_text("utf-8"))
    assert (report["finished"], len(report["results"])) == (True, 2)


#: A case that ends before Ctrl-C, and one that does the first time that it runs.
STOPPED = """
def test_a(bench):
    assert bench.running_version()

def test_b(bench):
    from pathlib import Path
    if not Path("stopped").exists():
        Path("stopped").touch()
        raise KeyboardInterrupt
"""


def test_day_that_is_stopped_says_how_it_goes_on(tmp_path: Path) -> None:
    cases, path = planted.plant(tmp_path / "cases", STOPPED), write_dut(tmp_path)
    done = planted.command(cases, "run", "--dut", str(path), at=tmp_path)
    assert done.returncode == 130
    told = "interrupted: 1 results are kept in hanover-report, the same command with --resume "
    assert f"hanover: {told}hanover-report goes on" in done.stderr.splitlines()
    words = ("run", "--dut", str(path), "--resume", "hanover-report")
    assert planted.command(cases, *words, at=tmp_path).returncode == 0
    report = json.loads((tmp_path / "hanover-report/report.json").read_text("utf-8"))
    assert [one["id"] for one in report["results"]] == ["tiny::a[my-bridge]", "tiny::b[my-bridge]"]


def test_resume_refuses_another_device(tmp_path: Path, capsys: Said) -> None:
    path = write_dut(tmp_path)
    assert run(path) == 0
    (tmp_path / "fw3.ota").write_bytes(firmware(3 << 24, size=1001))
    capsys.readouterr()
    match = ("-k", "idle_attributes")
    assert hanover("run", "--dut", path, *match, "--resume", tmp_path / "report") == 2
    assert "journal.jsonl: duts: found " in capsys.readouterr().err


def test_interview_writes_a_file_that_is_read_back(tmp_path: Path, capsys: Said) -> None:
    write_dut(tmp_path)
    out = tmp_path / "first.toml"
    images = ("--image", tmp_path / "fw2.ota", "--image", tmp_path / "fw1.ota")
    assert hanover("dut", "init", out, "--base", BASE, *images) == 0
    assert "the device runs version 0x01000000" in capsys.readouterr().out
    dut = load_dut(out)
    assert [one.version for one in dut.ladder.rungs] == [0x01000000, 0x02000000]
    assert dut.profile.ota == load(BASE).ota
    assert dut.stated["OTA.CLIENT.SLEEPY"] is False
    assert hanover("dut", "init", out, "--base", BASE) == 2
    assert "found a file, wanted none (--force replaces it)" in capsys.readouterr().err


UNWRITABLE = [
    (("first.toml", "--name", "a b"), '--name: found "a b", expected 1..32 letters'),
    (("a b.toml",), '--name: found "a b", expected 1..32 letters'),
    (("none/first.toml",), "none/first.toml: found no folder none, wanted one that is there"),
    (
        ("first.toml", "--image", "fw1.ota", "--image", "again.ota"),
        "--image: found version 0x01000000 in fw1.ota and again.ota, wanted each version once",
    ),
]


@pytest.mark.parametrize(("words", "said"), UNWRITABLE, ids=[each[1] for each in UNWRITABLE])
def test_interview_does_not_begin_what_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_dut(tmp_path)
    (tmp_path / "again.ota").write_bytes((tmp_path / "fw1.ota").read_bytes())
    assert hanover("dut", "init", *words, "--base", BASE, "--link", "exec:no-such-program") == 2
    assert capsys.readouterr().err.startswith(f"hanover: {said}")


def test_interview_quotes_what_it_writes(tmp_path: Path) -> None:
    odd = 'it\'s "new" \\ \u00e4.ota'
    write_dut(tmp_path)
    (tmp_path / odd).write_bytes((tmp_path / "fw1.ota").read_bytes())
    out = tmp_path / "first.toml"
    assert hanover("dut", "init", out, "--base", BASE, "--image", tmp_path / odd) == 0
    (rung,) = load_dut(out).ladder.rungs
    assert Path(rung.file).name == odd


def test_interview_finds_what_differs_from_the_base(tmp_path: Path, capsys: Said) -> None:
    """The device is of one profile, the base another: what was asked for is what the file says."""
    device, base = load("B3"), load(BASE)
    bench = Bench(device)
    bench.start()
    found = interview(bench)
    assert found.silent == ()
    text = as_file(found, base, given=BASE, name="other", eui64=EUI64, rungs=())
    out = tmp_path / "other.toml"
    (tmp_path / "fw.ota").write_bytes(bench.image())
    out.write_text(text + '[[ladder.version]]\nfile = "fw.ota"\n', "utf-8")
    dut = load_dut(out)
    for key in ("manufacturer_code", "image_type", "hardware_version", "endpoint", "device_id"):
        assert getattr(dut.profile.ota, key) == getattr(device.ota, key)
    assert dut.stated["OTA.CLIENT.SLEEPY"] is (device.sleep is not None)


def test_interview_says_where_the_base_is_no_base(tmp_path: Path) -> None:
    """A device that sleeps is not as a base that does not: the file is read, and says so."""
    sleepy = next(one for one in map(load, names()) if one.sleep is not None)
    bench = Bench(sleepy)
    bench.start()
    found = interview(bench)
    assert unlike(found, load(BASE)) == ("OTA.CLIENT.SLEEPY",)
    assert unlike(found, sleepy) == ()
    text = as_file(found, load(BASE), given=BASE, name="other", eui64=EUI64, rungs=())
    assert '# the base is not so: "OTA.CLIENT.SLEEPY" = true' in text
    (tmp_path / "fw.ota").write_bytes(bench.image())
    out = tmp_path / "other.toml"
    out.write_text(text + '[[ladder.version]]\nfile = "fw.ota"\n', "utf-8")
    assert "OTA.CLIENT.SLEEPY" not in load_dut(out).stated


def test_interview_of_a_device_without_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(load(BASE))
    bench.start()
    read = bench.read
    period = ota.Attribute.MINIMUM_BLOCK_PERIOD
    monkeypatch.setattr(bench, "read", lambda one: () if one == period else read(one))
    found = interview(bench)
    assert found.states["OTA.CLIENT.PERIOD"] is False
    assert found.facts["ota.block_sends_period"] is False
    assert unlike(found, load(BASE)) == ()


def test_check_says_what_will_run(tmp_path: Path, capsys: Said) -> None:
    path = write_dut(tmp_path)
    match = ("-k", "idle_attributes", "-k", "page_with_gaps", "-k", "power_fails")
    assert hanover("dut", "check", path, *match, "--link", "ezsp:/dev/stick") == 0
    said = capsys.readouterr().out
    assert "my-bridge: 1 of 8 cases will run" in said
    assert "5 not: this lane has no power" in said
    assert "virtual" not in said
    assert "all devices: about " in said
    assert hanover("dut", "check", path, *match, "--link", "ezsp:/dev/stick", "--power", "ask") == 0
    assert "my-bridge: 6 of 8 cases will run" in capsys.readouterr().out


def test_check_counts_with_the_patience_of_the_run(tmp_path: Path, capsys: Said) -> None:
    words = ("dut", "check", write_dut(tmp_path), "-k", "power_fails_in_the_trial")
    air = ("--link", "ezsp:/dev/stick", "--power", "ask")
    assert hanover(*words, *air, "--max-wait", "1") == 2
    assert "s of real time, --max-wait is 1 s" in capsys.readouterr().out
    assert hanover(*words, *air, "--max-wait", "86400") == 0
    assert "my-bridge: 1 of 1 cases will run" in capsys.readouterr().out


def test_check_of_a_wrong_file_is_a_failure(tmp_path: Path, capsys: Said) -> None:
    path = write_dut(tmp_path, restore="sideways")
    assert hanover("dut", "check", path) == 1
    assert 'ladder.restore: found "sideways"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), ("90m", 5400), ("1h30m", 5400), ("45s", 45)]
)
def test_spans_are_read(text: str, seconds: int) -> None:
    assert Span().convert(text, None, None) == seconds


def test_spans_are_spoken() -> None:
    said = [spoken(each) for each in (0.4, 59, 61, 7260)]
    assert said == ["0 s", "59 s", "1 min 1 s", "2 h 1 min"]


PORTS = [
    SimpleNamespace(
        device="/dev/ttyUSB1",
        manufacturer="Maker",
        product="Stick",
        description="n/a",
        vid=0x10C4,
        pid=0xEA60,
        serial_number="0001",
    ),
    SimpleNamespace(
        device="/dev/ttyS0",
        manufacturer=None,
        product=None,
        description="n/a",
        vid=None,
        pid=None,
        serial_number=None,
    ),
]


def test_ports_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: PORTS)
    assert hanover("ports") == 0
    assert capsys.readouterr().out == "/dev/ttyUSB1  10c4:ea60  Maker  Stick  0001\n"
    assert [one.device for one in find_ports(every=True)] == ["/dev/ttyS0", "/dev/ttyUSB1"]
    monkeypatch.setattr("harness.lanes.greeting.ask_radio", lambda place, patience_s: "EZSP 13")
    assert hanover("ports", "--probe", "--json") == 0
    (port,) = json.loads(capsys.readouterr().out)["ports"]
    assert (port["device"], port["vid"], port["answers"]) == ("/dev/ttyUSB1", 0x10C4, "EZSP 13")


def test_no_port_is_nothing_found(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: PORTS[1:])
    assert hanover("ports") == 2
    assert "there is no serial port with a USB device" in capsys.readouterr().err


def test_help_names_the_new_commands() -> None:
    from harness.cli.main import hanover as group

    said = CliRunner().invoke(group, ["--help"]).output
    assert "dut " in said
    assert "ports " in said
