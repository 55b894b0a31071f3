"""Seal the folder of a run: which files it has, with which octets, so that one change is found."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from emulator.errors import HanoverError
from harness.report.json_report import FILE as REPORT

FILE = "manifest.json"
LAYOUT = "hanover-manifest-1"
_DIGEST = re.compile("[0-9a-f]{64}")
_READ = 1 << 20


class ManifestError(HanoverError, ValueError):
    """A folder is not that of a run; the message names what was found and wanted."""


def make_way(folder: Path, names: Iterable[str]) -> None:
    """Remove links that lie where files of ours are to be: what they point to is somebody else's.

    Raises:
        OSError: One cannot be removed.
    """
    for name in (*names, FILE):
        if (folder / name).is_symlink():
            (folder / name).unlink()


def write(folder: Path) -> str:
    """Write down every file of a folder, and return the seal.

    Whoever keeps the seal, on paper say, can tell later that not even the manifest was changed.

    Raises:
        OSError: A file cannot be read, or the manifest cannot be written.
    """
    names = sorted(name for name in _names(folder) if _is_plain(folder / name))
    files = {name: _entry(folder / name) for name in names}
    text = _as_text(files)
    (folder / FILE).write_bytes(text)
    return seal_of(text)


def verify(folder: Path) -> tuple[str, tuple[str, ...]]:
    """Return the seal of a folder, and what differs from its manifest, a line each.

    Raises:
        ManifestError: It is no folder of a run.
    """
    given = _given(folder)
    if given is None:
        return "", (f"{FILE}: found no file, wanted it: without it nothing can be told",)
    try:
        wanted = _files(json.loads(given))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        found = f"found no manifest ({type(error).__name__}: {error})"
        return seal_of(given), (f"{FILE}: {found}, wanted a {LAYOUT}",)
    problems = list(_differences(folder, wanted))
    if (folder / FILE).is_symlink():
        problems.insert(0, f"{FILE}: found a link, wanted the file itself")
    if _as_text(wanted) != given:
        problems.insert(0, f"{FILE}: found octets that nobody of ours wrote, wanted them as sealed")
    return seal_of(given), tuple(problems)


def seal_of(manifest: bytes) -> str:
    """Return the seal of a manifest: the SHA-256 of its octets."""
    return hashlib.sha256(manifest).hexdigest()


def _given(folder: Path) -> bytes | None:
    """Return the octets of the manifest, None where a run's folder has lost it."""
    file = folder / FILE
    if file.exists() and not (file.is_file() or file.is_dir()):  # a pipe would never end
        found = "found something that is no file"
        raise ManifestError(f"{file}: {found}, wanted the manifest of a run")
    try:
        return file.read_bytes()
    except FileNotFoundError:
        if (folder / REPORT).exists():
            return None
        raise ManifestError(
            f"{folder}: found neither {FILE} nor {REPORT}, wanted the folder of a run"
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ManifestError(f"{file}: found {reason}, wanted the manifest of a run") from None


def _files(document: Any) -> dict[str, Mapping[str, Any]]:  # noqa: ANN401 - what JSON holds
    """Return the entries of a manifest by name; refuse one of another form."""
    if document["layout"] != LAYOUT:
        raise ValueError(f"layout {document['layout']!r}")
    files: dict[str, Mapping[str, Any]] = document["files"]
    for name, entry in files.items():
        if not _DIGEST.fullmatch(entry["sha256"]) or not isinstance(entry["octets"], int):
            raise ValueError(f"entry of {name!r}")
    return files


def _differences(folder: Path, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    here = set(_names(folder))
    for name in sorted(here | wanted.keys()):
        shown = name if name.isprintable() else json.dumps(name)
        if name not in wanted:
            kind = "link" if (folder / name).is_symlink() else "file"
            yield f"{shown}: found a {kind}, wanted none: the manifest does not name it"
        elif name not in here:
            yield f"{shown}: found no file, wanted {wanted[name]['octets']} octets"
        else:
            yield from _change(shown, _found(folder / name), wanted[name])


def _found(path: Path) -> Mapping[str, Any] | str:
    """Return the entry of a file, or what is there in its place."""
    if not _is_plain(path):
        return "a link" if path.is_symlink() else "something that is no file"
    try:
        return _entry(path)
    except OSError as error:
        return (error.strerror or str(error)).lower()


def _change(name: str, found: Mapping[str, Any] | str, wanted: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(found, str):
        yield f"{name}: found {found}, wanted {wanted['octets']} octets"
    elif found["octets"] != wanted["octets"]:
        yield f"{name}: found {found['octets']} octets, wanted {wanted['octets']}"
    elif found["sha256"] != wanted["sha256"]:
        yield f"{name}: found sha256 {found['sha256']}, wanted {wanted['sha256']}"


def _names(folder: Path) -> Iterator[str]:
    """Yield what is in a folder and is no folder, by path below it, but for the manifest."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_dir():
            name = path.relative_to(folder).as_posix()
            if name != FILE:
                yield name


def _is_plain(path: Path) -> bool:
    """Tell whether a path is a file itself: what a link points to does not travel with a folder."""
    return path.is_file() and not path.is_symlink()


def _entry(path: Path) -> dict[str, Any]:
    digest, octets = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_READ):
            digest.update(chunk)
            octets += len(chunk)
    return {"octets": octets, "sha256": digest.hexdigest()}


def _as_text(files: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Return the one form of a manifest; any other octets are somebody else's."""
    lines = [
        f"{json.dumps(name)}:"
        f'{{"octets":{json.dumps(entry["octets"])},"sha256":{json.dumps(entry["sha256"])}}}'
        for name, entry in files.items()
    ]
    body = ",\n".join(lines)
    return f'{{"layout":{json.dumps(LAYOUT)},"files":{{\n{body}\n}}}}\n'.encode()
