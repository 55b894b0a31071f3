"""Files stay small and say what they are; nothing names a bridge type, a machine or a pause."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.sources import CHECKOUT, Module, imports, modules, plant

CODE = ("emulator", "harness")
ALL = (*CODE, "tests", "benchmarks")

MOST_LINES = 500
#: A function fits a screen; its docstring is not counted.
MOST_FUNCTION_LINES = 40

#: Names that say nothing: what is in such a file belongs to somebody.
SAY_NOTHING = re.compile(r"_?(utils?|helpers?|common|misc|shared|stuff|tools?)", re.IGNORECASE)
#: A string that is a bridge type's name; a type is data (design, section 6).
TYPE_NAME = re.compile(r"[bB][1-4]")
#: Folders of one person's machine. In pieces, so that this file does not hold them.
MACHINE = re.compile("(?<![\\w.~-])/(?:" + "work|home|root|Users|tmp" + ")/")
#: What is read by people or machines and may hold a path.
TEXTS = {".py", ".toml", ".md", ".ini", ".cfg", ".json", ".html", ".txt", ".yml", ".yaml", ".sh"}
TOP = (*ALL, "docs", "vectors", ".ci")

#: What waits for real time.
SLEEPS = {"time.sleep", "asyncio.sleep", "trio.sleep", "anyio.sleep"}
#: Tests of pure code: time is a number there, and a clock is a mistake.
TIMELESS = (
    *("wire", "crypto", "profiles", "flash", "image", "boot", "ota", "device", "world"),
    "properties",
)


def long_files(root: Path) -> list[str]:
    """Return the files that should be split by what they are about."""
    return [
        f"{module.path}: {lines} lines"
        for module in modules(root, *ALL)
        if (lines := len((root / module.path).read_text("utf-8").splitlines())) > MOST_LINES
    ]


def long_functions(root: Path) -> list[str]:
    """Return the functions of the product that fit no screen."""
    return [
        f"{module.at(node.lineno)}: {node.name} has {lines} lines"
        for module in modules(root, *CODE)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := _body_lines(node)) > MOST_FUNCTION_LINES
    ]


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = node.body
    if ast.get_docstring(node) is not None:
        body = body[1:]
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def empty_names(root: Path) -> list[str]:
    """Return the modules and packages whose names say nothing."""
    return [
        str(module.path)
        for module in modules(root, *ALL)
        if any(SAY_NOTHING.fullmatch(part) for part in module.parts)
    ]


def type_names(root: Path) -> list[str]:
    """Return the strings of the product that are the name of a bridge type."""
    return [
        f'{module.at(node.lineno)}: "{node.value}"'
        for module in modules(root, *CODE)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and TYPE_NAME.fullmatch(node.value)
    ]


def star_imports(root: Path) -> list[str]:
    """Return the imports that do not say what they take."""
    return [
        f"{module.at(each.line)}: from {each.target} import *"
        for module in modules(root, *ALL)
        for each in imports(module, frozenset())
        if "*" in each.names
    ]


def pauses(root: Path) -> list[str]:
    """Return where tests or cases sleep; a world runs to a condition instead."""
    found = modules(root, "tests", "harness/cases")
    calls = [
        (module.at(node.lineno), ast.unparse(node.func))
        for module in found
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
    ]
    taken = [
        (module.at(each.line), f"{each.target}.{name}")
        for module in found
        for each in imports(module, frozenset())
        for name in each.names
    ]
    return [f"{where}: {what}" for where, what in (*calls, *taken) if what in SLEEPS]


def clocks(root: Path) -> list[str]:
    """Return the tests of pure code that look at a clock."""
    folders = [f"tests/{folder}" for folder in TIMELESS]
    return [
        f"{module.at(each.line)}: imports {each.target}"
        for module in modules(root, *folders)
        for each in imports(module, frozenset())
        if each.target.split(".")[0] in {"time", "datetime"}
    ]


def machine_paths(root: Path) -> list[str]:
    """Return the places that only work on one person's machine."""
    return [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for path in _texts(root)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if MACHINE.search(line)
    ]


def _texts(root: Path) -> list[Path]:
    below = [path for top in TOP for path in sorted((root / top).rglob("*")) if path.is_file()]
    return [
        path
        for path in [*sorted(root.glob("*.*")), *below]
        if path.is_file() and (path.suffix in TEXTS or path.parent.name == ".ci")
    ]


CHECKS = {
    check.__name__: check
    for check in (
        *(long_files, long_functions, empty_names, type_names),
        *(star_imports, pauses, clocks, machine_paths),
    )
}


@pytest.mark.parametrize("name", CHECKS)
def test_the_checkout_is_in_shape(name: str) -> None:
    assert CHECKS[name](CHECKOUT) == []


LONG = "x = 1\n" * (MOST_LINES + 1)
SCREENS = "def f():\n    '''Say it.'''\n" + "    x = 1\n" * (MOST_FUNCTION_LINES + 1)
HOME = "/".join(["", "home", "me", "hanover"])

BAD = [
    ("long_files", "tests/test_a.py", LONG),
    ("long_functions", "emulator/ota/client.py", SCREENS),
    ("empty_names", "emulator/utils.py", ""),
    ("empty_names", "harness/helpers/frames.py", ""),
    ("empty_names", "tests/common.py", ""),
    ("type_names", "emulator/ota/client.py", "def f(profile):\n    return profile.name == 'B3'"),
    ("type_names", "harness/cli/run.py", "DEFAULT = ('b1', 'x')"),
    ("star_imports", "emulator/wire/zcl.py", "from emulator.wire.codec import *"),
    ("pauses", "tests/link/test_a.py", "import time\ntime.sleep(1)"),
    ("pauses", "tests/link/test_a.py", "from time import sleep as s\ns(1)"),
    ("pauses", "harness/cases/test_a.py", "import asyncio\nasyncio.sleep(1)"),
    ("clocks", "tests/ota/test_a.py", "import time"),
    ("machine_paths", "tests/test_a.py", f"SAMPLES = '{HOME}/data'"),
    ("machine_paths", "README.md", f"cd {HOME}"),
    ("machine_paths", ".ci/run", f"cd {HOME}"),
]
GOOD = [
    ("long_files", "tests/test_a.py", "x = 1\n" * MOST_LINES),
    ("long_functions", "emulator/a.py", SCREENS.replace("    x = 1\n", "", 1)),
    ("empty_names", "emulator/commons_log.py", ""),
    ("type_names", "emulator/a.py", "'''B1 is data.'''\nx = 'B10 or B1.'"),
    ("star_imports", "emulator/a.py", "from emulator.wire import codec"),
    ("pauses", "tests/device/test_a.py", "def f(profile):\n    return profile.sleep(1)"),
    ("clocks", "tests/harness/test_a.py", "import time"),
    ("machine_paths", "README.md", "../shared/data, https://example.org/home/x, a/tmp/b"),
]


@pytest.mark.parametrize(("name", "path", "code"), BAD)
def test_a_planted_flaw_is_found(tmp_path: Path, name: str, path: str, code: str) -> None:
    complaints = CHECKS[name](plant(tmp_path, path, code))
    assert len(complaints) == 1
    assert complaints[0].startswith(path)


@pytest.mark.parametrize(("name", "path", "code"), GOOD)
def test_what_is_in_shape_passes(tmp_path: Path, name: str, path: str, code: str) -> None:
    assert CHECKS[name](plant(tmp_path, path, code)) == []


def test_the_checks_read_what_is_there() -> None:
    found: tuple[Module, ...] = modules(CHECKOUT, *CODE)
    assert len(found) > 20
    assert CHECKOUT / "pyproject.toml" in _texts(CHECKOUT)
    assert CHECKOUT / ".ci" / "run" in _texts(CHECKOUT)
