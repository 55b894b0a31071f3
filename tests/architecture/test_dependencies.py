"""What the code imports is declared, and what is declared has its reason on paper."""

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

from tests.architecture.sources import CHECKOUT, imports, modules, plant

OURS = {"emulator", "harness", "tests", "benchmarks"}
#: Distributions whose import name is another one.
IMPORTED_AS = {"pyserial": "serial", "pyyaml": "yaml", "pytest-xdist": "xdist"}
RECORD = CHECKOUT / "docs" / "decisions" / "0002-dependencies.md"

#: Which extra a folder may count on, besides the dependencies that everybody gets.
EXTRAS = {
    "emulator": ("radio",),
    "harness": ("radio",),
    "tests": ("radio", "test", "mutants"),
    "benchmarks": ("radio", "test"),
}


def declared(root: Path) -> dict[str, set[str]]:
    """Return the import names of each group of dependencies; "" is what everybody gets."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    groups = {"": project["dependencies"], **project.get("optional-dependencies", {})}
    return {group: {_import_name(each) for each in lines} for group, lines in groups.items()}


def _import_name(requirement: str) -> str:
    name = re.split(r"[\[<>=!~ ;]", requirement, maxsplit=1)[0]
    return IMPORTED_AS.get(name, name.replace("-", "_"))


def undeclared(root: Path) -> list[str]:
    """Return the imports of what nobody promised to install."""
    groups = declared(root)
    complaints = []
    for folder, extras in EXTRAS.items():
        allowed = groups[""].union(*(groups.get(extra, set()) for extra in extras))
        complaints += [
            f"{module.at(each.line)}: {name}"
            for module in modules(root, folder)
            for each in imports(module, frozenset())
            if (name := each.target.split(".")[0]) not in allowed | OURS | sys.stdlib_module_names
        ]
    return complaints


def test_every_import_is_declared() -> None:
    assert undeclared(CHECKOUT) == []


def test_every_dependency_has_a_reason_on_paper() -> None:
    text = RECORD.read_text("utf-8")
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    names = {re.split(r"[\[<>=]", line, maxsplit=1)[0] for line in lines} - {"hanover"}
    assert {name for name in names if f"| {name} |" not in text} == set()


def test_a_planted_import_is_found(tmp_path: Path) -> None:
    text = '[project]\ndependencies = ["click>=8"]\noptional-dependencies.test = ["hypothesis"]\n'
    plant(tmp_path, "pyproject.toml", text)
    plant(tmp_path, "harness/a.py", "import click\nimport requests\nimport hypothesis\n")
    plant(tmp_path, "tests/a.py", "import click\nimport hypothesis\nimport json\n")
    assert undeclared(tmp_path) == ["harness/a.py:2: requests", "harness/a.py:3: hypothesis"]
