"""Imports point left: design, section 3."""

from pathlib import Path

import pytest

from tests.architecture.sources import CHECKOUT, Import, Module, imports, modules, names_of, plant

#: Left never imports right; members of one tier may import each other.
TIERS: tuple[tuple[str, ...], ...] = (
    ("units", "errors"),
    ("wire",),
    ("actions", "faults", "contract"),
    ("crypto",),
    ("profiles",),
    ("flash",),
    ("image",),
    ("boot",),
    ("ota",),
    ("device",),
    ("link",),
    ("ncp",),
)
RANK = {layer: rank for rank, tier in enumerate(TIERS) for layer in tier}
#: Virtual time stands beside the tiers: it knows these, and the link and what follows know it.
WORLD_KNOWS = {"units", "errors", "actions"}
KNOW_WORLD = {"link", "ncp"}
FRONT = "front"

HARNESS_KNOWS = {
    FRONT,
    *("units", "errors", "actions", "faults", "contract", "world"),
    *("wire", "crypto", "profiles", "image"),
}
#: These reach what carries datagrams.
NEAR_THE_LINK = ("harness.lanes", "harness.cli")
#: The front's Probe looks inside a bridge: no case does, the judge reads no minds.
MAY_PROBE = ("harness.sweep", "harness.lanes.direct")

#: Third-party packages that only some modules may import, for their licence or their weight.
CONFINED: dict[str, tuple[str, ...]] = {
    "scapy": (),
    "zigpy": ("emulator.link.ezsp", "emulator.link.ezsp_terms", "harness.coordinator"),
    "bellows": (
        "emulator.link.ezsp",
        "emulator.link.ezsp_terms",
        "harness.coordinator",
        "harness.lanes.greeting",
    ),
    "serial": ("emulator.link", "harness.lanes", "harness.cli", "harness.power"),
    "hypothesis": (),
}
#: GPL-2.0-only on one side, GPL-3.0 on the other: no module imports both.
APART = ({"scapy"}, {"zigpy", "bellows"})


def layer(dotted: str) -> str:
    """Return the layer of a module of ``emulator``; the package itself is the front."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else FRONT


def below(dotted: str, *packages: str) -> bool:
    """Tell whether a module is one of the packages or inside one."""
    return any(dotted == each or dotted.startswith(f"{each}.") for each in packages)


def emulator_complaint(importer: str, imported: str) -> str | None:
    """Say why one layer of the emulator may not import another, None where it may."""
    if importer in (FRONT, imported):
        return None
    if imported == FRONT:
        return "nothing inside imports the front"
    if importer == "world":
        return None if imported in WORLD_KNOWS else f"world knows only {sorted(WORLD_KNOWS)}"
    if imported == "world":
        return None if importer in KNOW_WORLD else "only link and ncp know the world"
    unknown = {importer, imported} - RANK.keys()
    if unknown:
        return f"{sorted(unknown)} has no place among the layers"
    return None if RANK[imported] <= RANK[importer] else "points right"


def harness_complaint(importer: str, found: Import) -> str | None:
    """Say why a module of the harness may not import something of the emulator."""
    if below(importer, *MAY_PROBE):
        allowed_names: set[str] = set()
    else:
        allowed_names = {"Probe"} & set(found.names)
    if allowed_names:
        return f"only {', '.join(MAY_PROBE)} use Probe"
    near = {"link", "ncp"} if below(importer, *NEAR_THE_LINK) else set()
    if layer(found.target) not in HARNESS_KNOWS | near:
        return "the harness reaches this only through the front"
    return None


def wrong_directions(root: Path) -> list[str]:
    """Return every import that the layers forbid."""
    found = modules(root, "emulator", "harness")
    known = names_of(found)
    return [
        f"{module.at(each.line)}: {module.name} imports {each.target}: {complaint}"
        for module in found
        for each in imports(module, known)
        if (complaint := _complaint(module, each))
    ]


def _complaint(module: Module, found: Import) -> str | None:
    ours, theirs = module.parts[0], found.target.split(".")[0]
    if theirs == "tests":
        return "tests import the code, never the other way"
    if (ours, theirs) == ("emulator", "emulator"):
        return emulator_complaint(layer(module.name), layer(found.target))
    if (ours, theirs) == ("emulator", "harness"):
        return "the emulator knows no harness"
    if (ours, theirs) == ("harness", "emulator"):
        return harness_complaint(module.name, found)
    if theirs in CONFINED and not below(module.name, *CONFINED[theirs]):
        return f"only {', '.join(CONFINED[theirs]) or 'tests'} may"
    return None


def mixed_licences(root: Path) -> list[str]:
    """Return the modules, tests too, that import packages whose licences do not go together."""
    complaints = []
    for module in modules(root, "emulator", "harness", "tests", "benchmarks"):
        roots = {each.target.split(".")[0] for each in imports(module, frozenset())}
        if all(roots & side for side in APART):
            complaints.append(f"{module.path}: imports {sorted(roots & set().union(*APART))}")
    return complaints


def test_no_import_points_right() -> None:
    assert wrong_directions(CHECKOUT) == []


def test_no_module_mixes_licences() -> None:
    assert mixed_licences(CHECKOUT) == []


def test_every_package_has_its_place() -> None:
    found = {layer(module.name) for module in modules(CHECKOUT, "emulator")}
    assert found <= {*RANK, "world", FRONT}


BAD = [
    ("emulator/wire/zcl.py", "from emulator.actions import Send", "points right"),
    ("emulator/units.py", "import emulator.wire.codec", "points right"),
    ("emulator/flash/nor.py", "from emulator.image import build", "points right"),
    ("emulator/boot/loader.py", "def f():\n    from emulator.device import bridge", "right"),
    ("emulator/ota/client.py", "from emulator.world import World", "only link and ncp"),
    ("emulator/world.py", "from emulator.wire.aps import Datagram", "world knows only"),
    ("emulator/device/bridge.py", "from emulator import Bridge", "front"),
    ("emulator/boot/loader.py", "from harness import bench", "knows no harness"),
    ("emulator/gadgets.py", "from emulator.units import Us", "no place"),
    ("emulator/link/direct.py", "from emulator.ncp import ash", "points right"),
    ("harness/bench.py", "from emulator.flash.nor import Nor", "only through the front"),
    ("harness/bench.py", "from emulator.ota.client import OtaClient", "only through the front"),
    ("harness/hub/server.py", "from emulator.link.port import Link", "only through the front"),
    ("harness/cases/test_x.py", "from emulator import Probe", "use Probe"),
    ("harness/cases/test_x.py", "from tests.x import y", "never the other way"),
    ("harness/sweep/cuts.py", "import hypothesis", "only tests may"),
    ("harness/report/html.py", "import scapy.all", "only tests may"),
    ("harness/capture.py", "from zigpy.types import EUI64", "only emulator.link.ezsp"),
]
GOOD = [
    ("emulator/__init__.py", "from emulator.device.bridge import Bridge"),
    ("emulator/wire/zcl.py", "from emulator.wire.codec import frame"),
    ("emulator/contract.py", "from emulator.actions import Action"),
    ("emulator/device/bridge.py", "from emulator.units import Us"),
    ("emulator/link/direct.py", "from emulator.world import World"),
    ("emulator/world.py", "from emulator.actions import Wake"),
    ("harness/sweep/cuts.py", "from emulator import Probe"),
    ("harness/lanes/direct.py", "from emulator import Probe\nfrom emulator.link.port import Link"),
    ("harness/cli/run.py", "from emulator.link import direct"),
    ("harness/cases/test_x.py", "from emulator.wire import ota\nfrom emulator.image import build"),
    ("emulator/link/ezsp.py", "def f():\n    import bellows.ezsp"),
]
#: What the planted imports lead to.
STAGE = [
    *("emulator/image/build.py", "emulator/device/bridge.py", "emulator/ncp/ash.py"),
    *("emulator/wire/ota.py", "emulator/link/direct.py"),
]


def _stage(root: Path, path: str, code: str) -> Path:
    for each in STAGE:
        plant(root, each, "")
    return plant(root, path, code)


@pytest.mark.parametrize(("path", "code", "why"), BAD)
def test_a_planted_import_is_found(tmp_path: Path, path: str, code: str, why: str) -> None:
    complaints = wrong_directions(_stage(tmp_path, path, code))
    assert len(complaints) == 1
    assert complaints[0].startswith(f"{path}:")
    assert why in complaints[0]


@pytest.mark.parametrize(("path", "code"), GOOD)
def test_an_allowed_import_passes(tmp_path: Path, path: str, code: str) -> None:
    assert wrong_directions(_stage(tmp_path, path, code)) == []


def test_a_planted_mix_of_licences_is_found(tmp_path: Path) -> None:
    plant(tmp_path, "tests/oracles/test_a.py", "import scapy.all\nimport bellows.ash")
    plant(tmp_path, "tests/oracles/test_b.py", "import scapy.all")
    assert mixed_licences(tmp_path) == [
        "tests/oracles/test_a.py: imports ['bellows', 'scapy']",
    ]
