"""``hanover upgrade`` upgrades a bridge with any OTA file, or says in one line why it cannot."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from zigpy.ota import image as zigpy_image

from emulator.faults import DropFrame, Leg, Selector
from emulator.image.build import build, refit_integrity
from emulator.profiles import load
from emulator.units import SECOND
from emulator.wire import ota
from emulator.wire.manifest import Trait
from emulator.wire.ota_file import Container, Element
from harness.adaptation import adapt
from harness.bench import Bench
from harness.cli.main import run_command
from harness.cli.profiles import as_toml
from harness.firmware import filler
from harness.hub.settings import no_answer, wait
from harness.upgrade import Ending, Session, Tally, Upgrade

PAYLOAD = filler(1500, 7)


def ours(**more: object) -> bytes:
    values = {"manufacturer": 0x121D, "image_type": 0x0102, "version": 0x20, **more}
    return build(payload=PAYLOAD, **values)  # type: ignore[arg-type]  # as the test wants


class Command:
    """Run the command in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder, self._capsys = folder, capsys

    def __call__(self, octets: bytes, *options: str) -> tuple[int, str, str]:
        file = self._folder / "file.ota"
        file.write_bytes(octets)
        return self.on(file, *options)

    def on(self, file: Path, *options: str) -> tuple[int, str, str]:
        code = run_command(["upgrade", str(file), *options])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def json(self, octets: bytes, *options: str) -> dict[str, object]:
        code, out, _ = self(octets, "--json", *options)
        document: dict[str, object] = json.loads(out)
        assert code == (0 if document["good"] else 1)
        return document


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


# Real input.


def test_our_own_file_is_taken_and_confirmed(command: Command) -> None:
    code, out, err = command(ours(hardware=(0x0300, 0x0400)))
    lines = out.splitlines()
    assert code == 0
    assert "note: the bridge takes manufacturer 0x121D from the file" in lines
    assert "note: the bridge takes image type 0x0102 from the file" in lines
    assert "note: the bridge takes hardware version 0x0300 from the file" in lines
    assert "note: the bridge runs version 0x0000001F, one below the file's" in lines
    assert "ending    confirmed" in lines
    assert "before    0x0000001F" in lines
    assert "after     0x00000020" in lines
    assert "SUCCESS (0x00)" in out
    assert ", 0 waits, 0 retries, " in out
    shown = [line.split()[0] for line in err.splitlines()]
    assert shown == ["10", "20", "30", "40", "50", "60", "70", "80", "90", "100"]


def test_a_file_of_zigpys_own_writing(command: Command) -> None:
    header = zigpy_image.OTAImageHeader(
        upgrade_file_id=zigpy_image.OTAImageHeader.MAGIC_VALUE,
        header_version=256,
        header_length=56,
        field_control=zigpy_image.FieldControl(0),
        manufacturer_id=0x1234,
        image_type=0x5678,
        file_version=0x90,
        stack_version=2,
        header_string=zigpy_image.HeaderString("written by zigpy"),
        image_size=56 + 6 + len(PAYLOAD),
    )
    element = zigpy_image.SubElement(
        tag_id=zigpy_image.ElementTagId.UPGRADE_IMAGE, data=zigpy_image.LVBytes32(PAYLOAD)
    )
    written = zigpy_image.OTAImage(header=header, subelements=[element]).serialize()
    said = command.json(written)
    assert said["ending"] == "confirmed"
    assert (said["version_before"], said["version_after"]) == (0x8F, 0x90)
    remarks = said["remarks"]
    assert isinstance(remarks, list)
    assert "the file has no Hanover manifest: the bridge wants none" in remarks
    assert "the bridge does not check: manifest, security_counter" in remarks


def test_a_file_with_vendor_tags(command: Command) -> None:
    elements = (Element(0xF123, b"a vendor's own"), Element(0xFFFF, bytes(300)))
    said = command.json(ours(elements=elements, manifest=False))
    assert said["ending"] == "confirmed"
    assert said["octets"] == said["image_octets"] == 56 + 6 + len(PAYLOAD) + 6 + 14 + 306 + 22


@pytest.mark.parametrize("signature", [bytes(range(64)), None])
def test_a_raw_container(command: Command, signature: bytes | None) -> None:
    raw = ours(container=Container.GBCS, hardware=(0x11, 0x12), manifest=False, signature=signature)
    said = command.json(raw)
    assert said["ending"] == "confirmed"
    remarks = said["remarks"]
    assert isinstance(remarks, list)
    assert "the bridge takes container gbcs from the file" in remarks
    assert "the bridge does not check: integrity, manifest, security_counter" in remarks


@pytest.mark.skipif(
    "HANOVER_GB_SAMPLES" not in os.environ, reason="not run: HANOVER_GB_SAMPLES names no folder"
)
@pytest.mark.parametrize("name", ["gb-esme-sample.ota", "gb-ppmid-sample.ota"])
def test_the_public_samples(command: Command, name: str) -> None:
    file = Path(os.environ["HANOVER_GB_SAMPLES"]) / name
    code, out, _ = command.on(file)
    assert code == 0, out
    assert "after     0xACDCACDC" in out


def test_a_wrapper_and_a_tail_are_left_out(command: Command) -> None:
    said = command.json(b"wrapped" + ours() + b"tail")
    assert said["ending"] == "confirmed"
    assert said["image_octets"] == len(ours())
    remarks = said["remarks"]
    assert isinstance(remarks, list)
    assert "7 octets stand before the magic; the hub serves from the magic on" in remarks
    assert "4 octets stand behind the image; the hub leaves them out" in remarks


def test_a_file_for_one_device(command: Command) -> None:
    said = command.json(ours(destination=0x00124B00DEADBEEF))
    assert said["ending"] == "confirmed"
    assert "the bridge takes EUI-64 0x00124B00DEADBEEF from the file" in str(said["remarks"])


def test_slots_grow_to_fit_unless_the_bridge_is_kept(command: Command) -> None:
    slot = load.load("B4").flash.slot_a
    large = build(
        payload=filler(slot[1] - slot[0], 3),
        manufacturer=0x121D,
        image_type=0x0102,
        version=0x20,
    )
    said = command.json(large, "--profile", "B4")
    assert said["ending"] == "confirmed"
    assert "the slots of the bridge grow from 131072 octets to fit" in str(said["remarks"])
    code, out, err = command(large, "--profile", "B4", "--strict")
    assert (code, out) == (2, "")
    assert f"found {len(large)} octets, wanted at most the 131072 of a slot" in err


@pytest.mark.parametrize("name", load.names())
def test_every_profile_upgrades(command: Command, name: str) -> None:
    said = command.json(ours(hardware=(1, 2)), "--profile", name)
    assert said["profile"] == name
    assert said["ending"] == "confirmed"


def test_a_makers_own_profile(command: Command, tmp_path: Path) -> None:
    mine = load.overlay(load.load("B2"), {"name": "mine", "ota.block_size_octets": 33})
    (tmp_path / "mine.toml").write_text(as_toml(mine), "utf-8")
    said = command.json(ours(), "--profile", str(tmp_path / "mine.toml"))
    assert said["profile"] == "mine"
    assert said["blocks"] == -(-len(ours()) // 33)


# Refusals.


def test_a_strict_bridge_refuses_a_file_for_another(command: Command) -> None:
    code, out, _ = command(ours(), "--strict")
    assert code == 1
    assert "ending    refused: header: found manufacturer 0x121d, expected 0xfff1 (ZCL 11" in out
    assert "INVALID_IMAGE (0x96)" in out
    assert "after     0x0000001F" in out


def test_a_strict_bridge_refuses_other_hardware(command: Command) -> None:
    own = load.load("B1").ota
    file = ours(
        manufacturer=own.manufacturer_code, image_type=own.image_type, hardware=(0x300, 0x400)
    )
    said = command.json(file, "--strict")
    assert said["ending"] == "refused"
    assert str(said["reason"]).startswith("hardware: found ")


def test_a_strict_bridge_takes_its_own_file(command: Command) -> None:
    own = load.load("B1").ota
    file = ours(
        manufacturer=own.manufacturer_code,
        image_type=own.image_type,
        hardware=(own.hardware_version, own.hardware_version),
    )
    assert command.json(file, "--strict")["ending"] == "confirmed"


def test_an_altered_file_is_refused_by_the_bridge(command: Command) -> None:
    octets = bytearray(ours())
    octets[700] ^= 1
    said = command.json(bytes(octets))
    assert said["ending"] == "refused"
    assert said["status"] == 0x96
    assert str(said["reason"]).startswith("integrity: found ")
    refitted = command.json(refit_integrity(bytes(octets)))
    assert str(refitted["reason"]).startswith("manifest: found payload digest ")


def test_a_mute_image_is_undone(command: Command) -> None:
    said = command.json(ours(traits=Trait.MUTE))
    assert said["ending"] == "rolled back"
    assert said["status"] == 0
    assert said["version_after"] == 0x1F


def test_an_image_that_is_never_released_is_unfinished() -> None:
    plan = adapt(ours(), load.load("B1"), strict=False)
    bench = Bench(plan.profile, first_image=plan.first_image, first_version=plan.first_version)
    bench.hub.settings.end_times_s = None
    result = Session(bench, plan, lambda tally: None).run()
    assert result.ending is Ending.UNFINISHED
    assert result.status == 0
    assert result.version_after == 0x1F
    assert not result.good


def test_a_hub_that_vanishes_leaves_it_unfinished() -> None:
    plan = adapt(ours(), load.load("B1"), strict=False)
    bench = Bench(plan.profile, first_image=plan.first_image, first_version=plan.first_version)
    lost = DropFrame(at=Selector(leg=Leg.TO_DEVICE, number=9, command=5), count=1000)
    bench.plan(lost)
    result = Session(bench, plan, lambda tally: None).run()
    assert result.ending is Ending.UNFINISHED
    assert result.reason == "no block came"
    assert result.retries > 0
    assert result.octets_per_s < 100


def session(*, told: list[Tally]) -> tuple[Bench, Session]:
    plan = adapt(ours(), load.load("B1"), strict=False)
    bench = Bench(plan.profile, first_image=plan.first_image, first_version=plan.first_version)
    return bench, Session(bench, plan, lambda tally: told.append(replace(tally)))


def test_waits_and_retries_are_told_apart() -> None:
    told: list[Tally] = []
    bench, upgrade = session(told=told)
    bench.hub.settings.instead = [wait(100, 130, skip=4, count=3)]
    bench.plan(DropFrame(at=Selector(leg=Leg.TO_DEVICE, number=20, command=5), count=1))
    result = upgrade.run()
    assert result.ending is Ending.CONFIRMED
    assert (result.waits, result.retries) == (3, 1)
    assert result.blocks == -(-len(ours()) // 40) + 3 + 1
    assert result.download_us > 90 * SECOND
    assert (told[3].waits, told[-1].waits, told[-1].retries) == (0, 3, 1)
    assert told[-1].done == told[-1].image_octets == len(ours())
    assert [one.blocks for one in told] == [*range(1, result.blocks + 1), result.blocks]


def test_an_unanswered_request_is_a_retry_though_the_next_is_told_to_wait() -> None:
    bench, upgrade = session(told=[])
    bench.hub.settings.instead = [
        no_answer(ota.ImageBlockRequest, skip=4, count=1),
        wait(100, 101, skip=4, count=1),
    ]
    result = upgrade.run()
    assert (result.ending, result.waits, result.retries) == (Ending.CONFIRMED, 1, 1)


def test_progress_shows_waits_retries_and_rate(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Session.run

    def slowed(self: Session) -> Upgrade:
        self._bench.hub.settings.instead = [wait(100, 110, skip=20, count=1)]
        return run(self)

    monkeypatch.setattr(Session, "run", slowed)
    code, out, err = command(ours())
    lines = err.splitlines()
    assert code == 0
    assert re.fullmatch(
        r" 10 % \(\d+ of \d+ octets\), 0 waits, 0 retries, \d+\.\d blocks/s", lines[0]
    )
    assert "octets), 1 wait, 0 retries, " in lines[-1]
    (download,) = (line for line in out.splitlines() if line.startswith("download"))
    assert re.search(r" blocks, 1 wait, 0 retries, \d+\.\d blocks/s$", download)


def test_a_rate_is_blocks_by_virtual_time(command: Command) -> None:
    said = command.json(ours())
    download_us, blocks = said["download_us"], said["blocks"]
    assert isinstance(download_us, int)
    assert isinstance(blocks, int)
    assert said["waits"] == 0
    assert said["blocks_per_s"] == round(blocks * SECOND / download_us, 1)


def test_a_security_counter_of_zero_is_no_hindrance(command: Command) -> None:
    assert command.json(ours(security_counter=0))["ending"] == "confirmed"


# What it writes.


def test_trace_and_capture_hold_the_upgrade(command: Command, tmp_path: Path) -> None:
    trace, capture = tmp_path / "t.jsonl", tmp_path / "c.pcapng"
    said = command.json(ours(), "--trace", str(trace), "--capture", str(capture))
    rows = [json.loads(line) for line in trace.read_text("utf-8").splitlines()]
    requests = [row for row in rows if row.get("frame") == "ImageBlockRequest"]
    assert len(requests) == said["blocks"]
    assert capture.stat().st_size > len(rows) * 40


def test_the_same_seed_says_the_same(command: Command, tmp_path: Path) -> None:
    first = command.json(ours(), "--seed", "4", "--trace", str(tmp_path / "a"))
    second = command.json(ours(), "--seed", "4", "--trace", str(tmp_path / "b"))
    assert first == second
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_loopback_lane_says_the_same(command: Command) -> None:
    assert command.json(ours(), "--link", "loopback:") == command.json(ours())


def test_ctrl_c_keeps_the_trace(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(self: Session) -> None:
        self._bench.start()
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "run", stopped)
    code, out, err = command(ours(), "--trace", str(tmp_path / "t.jsonl"), "--json")
    assert (code, out, err) == (130, "", "hanover: interrupted\n")
    assert "booted" in (tmp_path / "t.jsonl").read_text("utf-8")


# Bad input.

BAD = [
    (b"", "found 0 octets"),
    (b"\x1e\xf1", "need 56 octets, have 2"),
    (bytes(4000), "1e f1 ee 0b is nowhere in 4000 octets"),
    (ours()[:40], "need 56 octets, have 40"),
    (ours()[:1000], f"found 1000 octets, wanted {len(ours())}, as the header says"),
    (ours(version=0), "found file version 0"),
    (ours(image_type=0xFFC1), "ota.image_type: found 0xFFC1"),
    (ours(manufacturer=0xFFFF), "ota.manufacturer_code: found 0xFFFF"),
]


@pytest.mark.parametrize(("octets", "said"), BAD)
def test_a_bad_file_is_one_line(command: Command, octets: bytes, said: str) -> None:
    code, out, err = command(octets)
    assert (code, out) == (2, "")
    assert said in err
    assert "file.ota: " in err
    assert len(err.splitlines()) == 1


def test_what_is_no_file_or_too_much_is_one_line(command: Command, tmp_path: Path) -> None:
    huge = tmp_path / "huge.ota"
    with huge.open("wb") as stream:
        stream.truncate((64 << 20) + 1)
    for file, said in (
        (tmp_path, "found a directory, wanted a regular file"),
        (tmp_path / "none.ota", "found nothing, wanted a file"),
        (huge, "found 67108865 octets, wanted at most 67108864"),
    ):
        code, out, err = command.on(file)
        assert (code, out) == (2, "")
        assert said in err
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize("option", ["--trace", "--capture"])
def test_an_unwritable_file_is_told_before_the_work(
    command: Command, tmp_path: Path, option: str
) -> None:
    code, out, err = command(ours(), option, str(tmp_path / "no" / "where"))
    assert (code, out) == (3, "")
    assert "No such file or directory" in err
    assert len(err.splitlines()) == 1


def test_an_unknown_profile_or_link_is_wrong_use(command: Command) -> None:
    assert command(ours(), "--profile", "B9")[0] == 2
    assert command(ours(), "--link", "pigeon:")[0] == 2
