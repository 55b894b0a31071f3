"""Let hosts that nobody here wrote upgrade emulated bridges over the virtual radio.

zigpy with bellows, and zigbee-herdsman with its ember adapter, as they are installed: each forms
a network, admits bridges, interviews them and upgrades them with its own OTA server. A missing
program is a failure, never a skip.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.firmware import NEW, OLD, SPOILT, build, kinds, profile, spoil
from tests.interop.programs import Program, Radio, herdsman_host, zigpy_host

#: How long one step of a host may take on a busy machine, in seconds.
STEP_S = 60
#: How long a whole upgrade may take: zigpy alone waits 10 s after each.
UPGRADE_S = 150

LISTENS = {"pty": "pty:./stick", "tcp": "tcp:127.0.0.1:0"}


class Host:
    """Say how a host is started, so that one case serves both."""

    def __init__(self, name: str, folder: Path) -> None:
        """Keep what the host remembers, and what it serves, in ``folder``."""
        self.name, self.folder = name, folder

    def start(self, radio: Radio, image: Path | None, *options: str) -> Program:
        """Start it on a radio; ``image`` stands alone in its folder."""
        if self.name == "zigpy":
            serve = [] if image is None else ["--images", str(image.parent)]
            return zigpy_host(self.folder, radio.port(), *serve, *options)
        serve = [] if image is None else ["--image", str(image)]
        return herdsman_host(self.folder, radio.port("tcp"), *serve, *options)

    @property
    def refusal(self) -> str:
        """Return what is in the host's words when a bridge refuses an image."""
        return "INVALID_IMAGE"


@pytest.fixture(params=["zigpy", "herdsman"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    """Return each host in turn."""
    return Host(request.param, tmp_path)


@pytest.fixture
def image(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that builds an image for one type, alone in a folder."""
    known = kinds(tmp_path)

    def make(bridge: str, version: int = NEW, **more: int) -> Path:
        return build(
            tmp_path / f"{bridge}-{version:08x}", "image.ota", known[bridge], version, **more
        )

    return make


@pytest.mark.parametrize(
    ("link", "ezsp"), [("pty", 13), ("tcp", 13), ("pty", 14), ("tcp", 14), ("pty", 18), ("tcp", 18)]
)
def test_a_host_upgrades_a_bridge(
    host: Host, image: Callable[..., Path], tmp_path: Path, link: str, ezsp: int
) -> None:
    bridge = f"B1,version={OLD:#x}"
    with (
        Radio(
            tmp_path, "--bridge", bridge, "--ezsp", str(ezsp), "--fast", listen=LISTENS[link]
        ) as radio,
        host.start(radio, image("B1"), "--stay") as program,
    ):
        assert program.wait_for("bridge", STEP_S)["version"] == OLD
        done = program.wait_for("upgraded", UPGRADE_S)
        assert (done["status"], done["version"]) == ("SUCCESS", NEW)
        percents = [line["percent"] for line in radio.heard("downloading")]
        assert percents == list(range(10, 101, 10))
        for event in ("verified", "rebooted"):
            assert len(radio.heard(event, bridge="B1")) == 1, event
        radio.wait_for("confirmed", STEP_S, program, bridge="B1")
        assert program.finish(STEP_S) == 0
        assert program.heard("stopped")
        assert radio.stop(STEP_S) == 130
        assert not list(tmp_path.glob("stick"))


@pytest.mark.parametrize("link", LISTENS)
def test_a_host_hears_of_a_refused_image(
    host: Host, image: Callable[..., Path], tmp_path: Path, link: str
) -> None:
    good = image("B1", SPOILT)
    bad = spoil(good, tmp_path / "bad" / "image.ota")
    with Radio(
        tmp_path, "--bridge", f"B1,version={OLD:#x}", "--fast", listen=LISTENS[link]
    ) as radio:
        with host.start(radio, bad) as program:
            done = program.wait_for("upgraded", UPGRADE_S)
            assert host.refusal in done["status"]
            assert done["version"] == OLD
            assert program.finish(STEP_S) == 0
        assert not radio.heard("verified")
        assert not radio.heard("rebooted")
        with host.start(radio, image("B1", NEW)) as program:  # it takes the true one afterwards
            done = program.wait_for("upgraded", UPGRADE_S)
            assert (done["status"], done["version"]) == ("SUCCESS", NEW)
            assert program.finish(STEP_S) == 0


@pytest.mark.parametrize("link", LISTENS)
def test_a_host_killed_in_the_middle_completes_when_it_is_back(
    host: Host, image: Callable[..., Path], tmp_path: Path, link: str
) -> None:
    new = image("B1")
    # One that soon gives up on a server that is gone, and soon asks again.
    hasty = {"block_timeout_ms": 500, "block_tries": 3, "query_period_s": 5, "query_jitter_s": 1}
    bridge = profile(tmp_path, "B1", **hasty)
    slow = ["--latency-ms", "5"]  # so that there is a middle to be killed in
    with Radio(
        tmp_path, "--bridge", f"{bridge},version={OLD:#x}", "--fast", *slow, listen=LISTENS[link]
    ) as radio:
        with host.start(radio, new) as program:
            radio.wait_for("downloading", UPGRADE_S, program, percent=30)
            program.kill()
        assert not radio.heard("verified")
        with host.start(radio, new) as program:
            program.wait_for("started", STEP_S)
            assert not program.heard("permitted")
            done = program.wait_for("upgraded", UPGRADE_S)
            assert (done["status"], done["version"]) == ("SUCCESS", NEW)
            assert program.finish(STEP_S) == 0
        assert len(radio.heard("joined")) == 1
        assert len(radio.heard("verified")) == 1
        first, again = radio.heard("download")
        assert first["offset"] == 0
        assert again["offset"] >= 0.3 * new.stat().st_size  # what it had it kept


@pytest.mark.parametrize("link", LISTENS)
def test_a_host_upgrades_several_bridges_at_once(
    host: Host, image: Callable[..., Path], tmp_path: Path, link: str
) -> None:
    twins = [option for _ in range(4) for option in ("--bridge", f"B1,version={OLD:#x}")]
    with (
        Radio(tmp_path, *twins, "--fast", listen=LISTENS[link]) as radio,
        host.start(radio, image("B1", size=6000), "--bridges", "4") as program,
    ):
        names = {program.wait_for("bridge", STEP_S)["eui64"] for _ in range(4)}
        done = [program.wait_for("upgraded", UPGRADE_S) for _ in range(4)]
        assert {line["eui64"] for line in done} == names
        assert {(line["status"], line["version"]) for line in done} == {("SUCCESS", NEW)}
        assert len({line["bridge"] for line in radio.heard("verified")}) == 4
        assert program.finish(STEP_S) == 0


def test_zigpy_upgrades_each_type_at_once(tmp_path: Path) -> None:
    known = kinds(tmp_path)
    for name, kind in known.items():
        build(tmp_path / "images", f"{name}.ota", kind, NEW, size=3000)
    bridges = [part for name in known for part in ("--bridge", f"{name},version={OLD:#x}")]
    with (
        Radio(tmp_path, *bridges, "--fast") as radio,
        zigpy_host(
            tmp_path,
            radio.port(),
            "--images",
            str(tmp_path / "images"),
            "--bridges",
            str(len(known)),
        ) as program,
    ):
        done = [program.wait_for("upgraded", UPGRADE_S) for _ in known]
        assert {(line["status"], line["version"]) for line in done} == {("SUCCESS", NEW)}
        assert {line["bridge"] for line in radio.heard("verified")} == known.keys()
        assert program.finish(STEP_S) == 0


@pytest.mark.parametrize("ezsp", [16, 17, 19])
def test_a_host_forms_and_interviews(host: Host, tmp_path: Path, ezsp: int) -> None:
    with (
        Radio(tmp_path, "--bridge", f"B1,version={OLD:#x}", "--ezsp", str(ezsp), "--fast") as radio,
        host.start(radio, None) as program,
    ):
        program.wait_for("started", STEP_S)
        found = program.wait_for("bridge", STEP_S)
        assert found["version"] == OLD
        assert found["manufacturer"]
        assert found["model"]
        assert program.finish(STEP_S) == 0


def test_a_host_finds_its_network_again_from_the_state_file(host: Host, tmp_path: Path) -> None:
    kept = ["--bridge", f"B1,version={OLD:#x}", "--fast", "--state", "radio.json"]
    with Radio(tmp_path, *kept) as radio, host.start(radio, None) as program:
        first = program.wait_for("started", STEP_S)
        program.wait_for("bridge", STEP_S)
        assert program.finish(STEP_S) == 0
        assert radio.stop(STEP_S) == 130
    with Radio(tmp_path, *kept) as radio, host.start(radio, None, "--bridges", "0") as program:
        again = program.wait_for("started", STEP_S)
        if host.name == "zigpy":
            assert again["pan_id"] == first["pan_id"]
        else:
            assert (first["result"], again["result"]) == ("reset", "resumed")
        assert program.finish(STEP_S) == 0


def test_a_host_admits_a_bridge_by_its_install_code_alone(host: Host, tmp_path: Path) -> None:
    eui64, code = "02484e0000000001", "83fed3407a939723a5c639b26916d505c3b5"
    known = ["--bridge", f"B1,version={OLD:#x},eui64=0x{eui64},install-code={code}", "--fast"]
    said = {
        "zigpy": [":".join(eui64[at : at + 2] for at in range(0, 16, 2)), code],
        "herdsman": [f"Z:{eui64}$I:{code}"],
    }
    with Radio(tmp_path, *known) as radio:
        with host.start(radio, None) as program:  # with the key that everybody knows
            radio.wait_for("not admitted", STEP_S, program)
            assert not radio.heard("joined")
        with host.start(radio, None, "--install-code", *said[host.name]) as program:
            radio.wait_for("joined", STEP_S, program)
            assert program.wait_for("bridge", STEP_S)["version"] == OLD
            assert program.finish(STEP_S) == 0
