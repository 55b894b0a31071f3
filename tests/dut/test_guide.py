"""The guide's example is a DUT file."""

import re
from pathlib import Path

from emulator.wire.manifest import Trait
from harness.dut.load import load_dut
from tests.dut.files import firmware

GUIDE = Path(__file__).parents[2] / "docs/guides/dut.md"


def test_example_of_the_guide_is_read(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    text = text.replace('test = "maker-test.json"', "")
    path = tmp_path / "my.toml"
    path.write_text(text, "utf-8")
    for at in (1, 2):
        (tmp_path / f"fw{at}.ota").write_bytes(firmware(at << 24))
    (tmp_path / "fw2-mute.ota").write_bytes(firmware(2 << 24, Trait.MUTE))
    dut = load_dut(path)
    assert dut.profile.about == "our bridge, rev C"
    assert dut.profile.ota.timer_scale == 60
    assert dut.ladder.command == ""
    assert len(dut.ladder.rungs) == 2
