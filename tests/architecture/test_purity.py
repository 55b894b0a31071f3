"""From the wire to the device: octets and time in, actions out, nothing of the machine around."""

import ast
from pathlib import Path

import pytest

from tests.architecture.sources import CHECKOUT, Module, imports, modules, names_of, plant
from tests.architecture.test_layers import RANK, below, layer

#: What has no clock, no chance, no file and no thread of its own. The world is pure as well.
PURE = {name for name, rank in RANK.items() if rank <= RANK["device"]} | {"world", "ncp"}
#: What meets the machine: hosts of a virtual radio come by these.
MEETS_THE_MACHINE = ("emulator.ncp.serve", "emulator.ncp.pty", "emulator.ncp.tcp")

#: Modules of the standard library that reach outside.
OUTSIDE = frozenset(
    {
        *("asyncio", "concurrent", "multiprocessing", "sched", "signal", "subprocess", "threading"),
        *("http", "select", "selectors", "socket", "ssl", "urllib"),
        *("datetime", "time"),
        *("random", "secrets", "uuid"),
        *("ctypes", "glob", "io", "os", "pathlib", "platform", "shutil", "sys", "tempfile"),
        *("atexit", "gc", "weakref"),
    }
)
#: Modules that some pure layer may use: the profiles are package data, the device logs.
PARTLY = {"importlib": ("emulator.profiles",), "logging": ("emulator.device",)}
#: Builtins that read or write the world, or import by a name made at run time.
CALLS = frozenset({"__import__", "breakpoint", "eval", "exec", "input", "open", "print"})
#: The codec makes code, once for each declared frame or value.
MAKES_CODE = ("emulator.wire.codec", "emulator.wire.compiler")
#: Other people's code that a pure layer may use.
THIRD_PARTY = {"cryptography": ("emulator.crypto",)}

#: The only places that turn integers into octets and back (style, rule 4).
FORMATS = (
    *("emulator.wire.codec", "emulator.wire.compiler", "emulator.wire.kinds"),
    *("emulator.crypto", "emulator.ncp.ash", "emulator.ncp.fields"),
)
CONVERSIONS = frozenset({"to_bytes", "from_bytes"})


def impurities(root: Path) -> list[str]:
    """Return what the pure layers import or call and should not."""
    found = modules(root, "emulator")
    known = names_of(found)
    complaints = []
    for module in found:
        if layer(module.name) not in PURE or below(module.name, *MEETS_THE_MACHINE):
            continue
        for each in imports(module, known):
            if complaint := _import_complaint(module.name, each.target.split(".")[0]):
                complaints.append(f"{module.at(each.line)}: {complaint}")
        complaints += [f"{module.at(line)}: calls {name}" for name, line in _calls(module)]
    return complaints


def _import_complaint(importer: str, imported: str) -> str | None:
    if imported in OUTSIDE:
        return f"imports {imported}"
    if imported in PARTLY and not below(importer, *PARTLY[imported]):
        return f"imports {imported}, which only {', '.join(PARTLY[imported])} may"
    if imported in THIRD_PARTY and not below(importer, *THIRD_PARTY[imported]):
        return f"imports {imported}, which only {', '.join(THIRD_PARTY[imported])} may"
    return None


def _calls(module: Module) -> list[tuple[str, int]]:
    allowed = {"exec", "eval"} if below(module.name, *MAKES_CODE) else set()
    return [
        (node.func.id, node.lineno)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in CALLS - allowed
    ]


def formats_elsewhere(root: Path) -> list[str]:
    """Return the modules that pack or unpack integers outside the places for it."""
    found = modules(root, "emulator", "harness")
    complaints = []
    for module in found:
        if below(module.name, *FORMATS):
            continue
        complaints += [
            f"{module.at(each.line)}: imports struct"
            for each in imports(module, frozenset())
            if each.target == "struct"
        ]
        complaints += [
            f"{module.at(node.lineno)}: {node.attr}"
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Attribute) and node.attr in CONVERSIONS
        ]
    return complaints


def test_the_core_reaches_nothing_outside() -> None:
    assert impurities(CHECKOUT) == []


def test_formats_are_in_one_place() -> None:
    assert formats_elsewhere(CHECKOUT) == []


@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_a_planted_import_is_found(tmp_path: Path, name: str) -> None:
    root = plant(tmp_path, "emulator/ota/client.py", f"def f():\n    import {name}\n")
    assert impurities(root) == [f"emulator/ota/client.py:2: imports {name}"]


@pytest.mark.parametrize(
    ("path", "code", "why"),
    [
        ("emulator/wire/codec.py", "from os.path import join", "imports os"),
        ("emulator/device/bridge.py", "import asyncio.events", "imports asyncio"),
        ("emulator/units.py", "import random", "imports random"),
        ("emulator/world.py", "import time", "imports time"),
        ("emulator/boot/loader.py", "import logging", "only emulator.device may"),
        ("emulator/flash/nor.py", "import importlib", "only emulator.profiles may"),
        ("emulator/image/verify.py", "from cryptography import x509", "only emulator.crypto may"),
        ("emulator/image/build.py", "def f(p):\n    return open(p)", "calls open"),
        ("emulator/ota/client.py", "print('here')", "calls print"),
        ("emulator/ncp/stick.py", "import asyncio", "imports asyncio"),
        ("emulator/ncp/tokens.py", "from pathlib import Path", "imports pathlib"),
        ("emulator/wire/ota.py", "exec('x = 1')", "calls exec"),
    ],
)
def test_a_planted_way_out_is_found(tmp_path: Path, path: str, code: str, why: str) -> None:
    complaints = impurities(plant(tmp_path, path, code))
    assert len(complaints) == 1
    assert why in complaints[0]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("emulator/link/chance.py", "import random"),
        ("emulator/ncp/serve.py", "import asyncio"),
        ("emulator/device/bridge.py", "import logging"),
        ("emulator/crypto/aes.py", "from cryptography.hazmat.primitives import ciphers"),
        ("emulator/profiles/load.py", "from importlib import resources"),
        ("emulator/wire/compiler.py", "exec('x = 1')"),
    ],
)
def test_what_is_allowed_passes(tmp_path: Path, path: str, code: str) -> None:
    assert impurities(plant(tmp_path, path, code)) == []


@pytest.mark.parametrize(
    ("path", "code", "why"),
    [
        ("emulator/boot/record.py", "import struct", "imports struct"),
        ("emulator/wire/ota.py", "from struct import pack", "imports struct"),
        ("harness/hub/server.py", "x = (1).to_bytes(2, 'little')", "to_bytes"),
        ("emulator/image/build.py", "x = int.from_bytes(b'', 'big')", "from_bytes"),
    ],
)
def test_a_planted_format_is_found(tmp_path: Path, path: str, code: str, why: str) -> None:
    assert formats_elsewhere(plant(tmp_path, path, code)) == [f"{path}:1: {why}"]


@pytest.mark.parametrize("path", ["emulator/wire/codec.py", "emulator/crypto/ecc.py"])
def test_a_format_in_its_place_passes(tmp_path: Path, path: str) -> None:
    assert formats_elsewhere(plant(tmp_path, path, "import struct")) == []
