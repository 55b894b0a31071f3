"""What is shipped is whole, and works where no checkout is near."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from harness.data import DataMissingError, vectors
from tests.architecture.sources import CHECKOUT, plant

#: What each package is useless without; patterns of whole names in the wheel.
NEEDED = (
    "emulator/py.typed",
    "emulator/profiles/b1.toml",
    "emulator/profiles/b2.toml",
    "emulator/profiles/b3.toml",
    "emulator/profiles/b4.toml",
    "harness/py.typed",
    "harness/cli/profiles.py",
    "harness/report/premises.schema.json",
    "harness/report/report.schema.json",
    "harness/requirements/gb.toml",
    "harness/_vectors/README.md",
)
#: What a wheel of ours has at its top; anything else would land in everybody's site-packages.
TOP = {"emulator", "harness"}
#: What a checkout has and no package ships.
LITTER = ("__pycache__", ".pyc", "/tests/", ".pytest_cache", ".hypothesis")

PROBE = """
import json, sys
from emulator.profiles import load
import harness.data
print(json.dumps({
    "vectors": str(harness.data.vectors()),
    "profiles": load.names(),
    "types": [load.load(name).ota.image_type for name in load.names()],
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _install(wheel, tmp_path_factory.mktemp("site"))


def _build(kind: str, folder: Path) -> Path:
    _run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder), at=CHECKOUT)
    (built,) = folder.glob("*.whl")
    return built


def _install(wheel: Path, folder: Path) -> Path:
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
    _run(*pip, "install", "--no-deps", "--no-compile", "--target", str(folder), str(wheel))
    return folder


def _run(*command: str, at: Path | None = None) -> str:
    """Run a program away from the checkout's own paths, and return what it prints."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(command, cwd=at, env=clean, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def missing(names: set[str]) -> list[str]:
    """Return what a wheel with these files lacks."""
    return [name for name in NEEDED if name not in names]


def unwanted(names: set[str]) -> list[str]:
    """Return what a wheel with these files should not carry."""
    strangers = {name for name in names if name.split("/")[0] not in TOP}
    strangers = {name for name in strangers if ".dist-info/" not in name}
    return sorted(strangers | {name for name in names for part in LITTER if part in name})


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def sources_of(root: Path) -> set[str]:
    """Return every file of both packages of a checkout that somebody wrote."""
    return {
        str(path.relative_to(root))
        for top in TOP
        for path in (root / top).rglob("*")
        if path.is_file() and not any(part in str(path) for part in LITTER)
    }


def test_the_wheel_holds_what_is_needed(wheel: Path) -> None:
    assert missing(names_in(wheel)) == []


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    assert unwanted(names_in(wheel)) == []


def test_the_wheel_holds_every_file_of_both_packages(wheel: Path) -> None:
    assert sources_of(CHECKOUT) - names_in(wheel) == set()


def test_the_wheel_says_how_it_is_started(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        points = archive.read("hanover-0.1.0.dist-info/entry_points.txt").decode()
        metadata = archive.read("hanover-0.1.0.dist-info/METADATA").decode()
    assert "hanover = harness.cli.entry:main" in points
    assert "[pytest11]\nhanover = harness.pytest_plugin" in points
    assert "License-Expression: MIT" in metadata
    assert "hanover-0.1.0.dist-info/licenses/LICENSE" in names_in(wheel)


def test_the_wheel_works_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(installed)!r})\n{PROBE}"
    said = json.loads(_run(sys.executable, "-I", "-c", code, at=tmp_path))
    assert Path(said["vectors"]) == installed / "harness" / "_vectors"
    assert said["profiles"] == ["B1", "B2", "B3", "B4"]
    assert said["types"] == [1, 2, 3, 4]


def test_an_editable_install_works_outside_the_checkout(tmp_path: Path) -> None:
    site = _install(_build("wheel:editable", tmp_path), tmp_path / "site")
    # hatchling copies what is force-included here too; the checkout's own must be found.
    assert not (site / "harness" / "data.py").exists()
    code = f"import site; site.addsitedir({str(site)!r})\n{PROBE}"
    said = json.loads(_run(sys.executable, "-I", "-c", code, at=tmp_path))
    assert Path(said["vectors"]) == CHECKOUT / "vectors"
    assert said["profiles"] == ["B1", "B2", "B3", "B4"]


def test_an_incomplete_wheel_is_seen(wheel: Path) -> None:
    names = names_in(wheel)
    assert missing(names - {"harness/_vectors/README.md"}) == ["harness/_vectors/README.md"]
    assert unwanted({*names, "tests/test_a.py"}) == ["tests/test_a.py"]
    assert unwanted({*names, "emulator/__pycache__/a.pyc"}) == ["emulator/__pycache__/a.pyc"]


def test_a_checkout_finds_its_vectors() -> None:
    assert vectors(CHECKOUT / "harness") == CHECKOUT / "vectors"


def test_a_wheel_prefers_its_own_vectors(tmp_path: Path) -> None:
    plant(tmp_path, "vectors/README.md", "somebody else's")
    plant(tmp_path, "harness/_vectors/README.md", "ours")
    assert vectors(tmp_path / "harness") == tmp_path / "harness" / "_vectors"


def test_a_broken_installation_says_where_it_looked(tmp_path: Path) -> None:
    plant(tmp_path, "harness/_vectors/other.txt", "")
    with pytest.raises(DataMissingError) as caught:
        vectors(tmp_path / "harness")
    assert str(tmp_path / "harness" / "_vectors" / "README.md") in str(caught.value)
    assert str(tmp_path / "vectors" / "README.md") in str(caught.value)
