"""Put thousands of commands with plausible values to two sticks: each is answered in its layout."""

import json
import random
from typing import Any

import pytest

from emulator.ncp.commands import VERSIONS
from emulator.ncp.fields import RECORDS, parse
from emulator.ncp.handlers import HANDLERS
from emulator.ncp.radio import BridgeSpec, StickSpec, VirtualRadio
from emulator.ncp.stick import Stick
from emulator.ncp.tokens import from_json, to_json
from emulator.units import SECOND
from tests.ncp.desk import EUI64, Desk
from tests.ncp.parties import image_of, profile_of

COMMANDS = 1500
#: Values that mean something somewhere: addresses, channels, tokens.
LIKELY = {
    "u8": (0, 1, 2, 3, 4, 15),
    "u16": (0, 1, 4, 15, 0x19, 0x104, 0xFFFC, 0xFFFF),
    "u32": (0, 1 << 15, 0x07FFF800, 0xE12A, 0x1E125),
    "eui": (0, 2**64 - 1, EUI64, 5),
}
SIZES = {"u8": 1, "u16": 2, "u32": 4, "eui": 8}


def drawn(rng: random.Random, kind: str) -> Any:  # noqa: ANN401 - any value of a field
    """Return a value of a kind, often one that means something."""
    if kind in LIKELY:
        likely = rng.random() < 0.6
        return rng.choice(LIKELY[kind]) if likely else rng.randrange(256 ** SIZES[kind])
    if kind == "i8":
        return rng.randrange(-128, 128)
    if kind == "bool":
        return rng.random() < 0.5
    if kind in RECORDS:
        cls, kinds = RECORDS[kind]
        names = cls.__dataclass_fields__
        return cls(**{n: drawn(rng, k) for n, k in zip(names, kinds.split(), strict=True)})
    if kind.startswith("u16s"):
        return tuple(drawn(rng, "u16") for _ in range(rng.randrange(6)))
    if kind.startswith("lv"):
        return rng.randbytes(rng.choice((0, 1, 2, 3, 4, 8, 20, 70, 150)))
    return rng.randbytes(16 if kind == "key" else int(kind.removeprefix("octets")))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_command_is_answered_in_its_layout(
    version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: set[str] = set()

    def emit(stick: Stick, name: str, values: dict[str, Any]) -> None:
        stick.dialect.callback(name, 0, **values)  # raises if it does not fit its layout
        called.add(name)

    monkeypatch.setattr(Stick, "emit", emit)
    rng = random.Random(version)
    desk = Desk(version)
    bridge = BridgeSpec(
        name="bridge", profile=profile_of("B1"), image=image_of("B1", 1, 256), version=1
    )
    specs = [StickSpec(name=name, version=version) for name in ("hub", "dut")]
    desk.radio = VirtualRadio(specs, [bridge], log=desk.log.append)
    hub, dut = desk.radio.sticks.values()
    desk.stick = hub
    desk.form()
    desk.ask("permitJoining", duration_s=255)
    desk.ask("importTransientKey", eui64=2**64 - 1, key=b"ZigBeeAlliance09", flags=0)
    desk.run(5 * SECOND)
    assert {"stackStatusHandler", "trustCenterJoinHandler"} <= called

    rows = [row for row in desk.rows.values() if row.request is not None and row.name in HANDLERS]
    for _ in range(COMMANDS):
        desk.stick, row = rng.choice((hub, dut)), rng.choice(rows)
        layout = parse(row.request or "")
        values = {one.name: drawn(rng, one.kind) for one in layout}
        values.update({one.counted_by: len(values[one.name]) for one in layout if one.counted_by})
        desk.ask(row.name, **values)
        desk.dialect.negotiated = True  # the version command is among them
        if rng.random() < 0.3:
            desk.run(rng.choice((1, 1000, SECOND, 10 * SECOND)))

    for stick in (hub, dut):
        assert from_json(json.loads(json.dumps(to_json(stick.tokens))), "") == stick.tokens
