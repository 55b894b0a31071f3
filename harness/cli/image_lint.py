"""Explain every flaw of firmware files: ``hanover image lint``, for one file or thousands."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.image_files import Environment, WrongUse, read_file
from harness.cli.image_inspect import CONTAINERS
from harness.cli.progress import bar

if TYPE_CHECKING:
    from emulator.image.flaws import Flaw

#: Files with these endings claim to be OTA files, wherever they are found.
ENDINGS = (".ota", ".zigbee", ".sbl-ota")


@dataclass(frozen=True, slots=True)
class Target:
    """Be a file to look at; ``meant``: it was asked for, and not only found in a folder.

    ``refused``: why the machine does not even let us see what it is; it may be a folder.
    """

    path: Path
    meant: bool
    refused: OSError | None = None


@dataclass(slots=True)
class Result:
    """Hold what was found in one file: its flaws, or why it is no file to lint.

    ``refused`` says that the machine did not let us read it.
    """

    name: str
    size: int | None = None
    flaws: "Sequence[Flaw]" = ()
    unreadable: str | None = None
    refused: bool = False

    @property
    def clean(self) -> bool:
        """Tell whether nothing but advice was found."""
        return self.unreadable is None and all(one.severity == "advice" for one in self.flaws)


@dataclass(slots=True)
class Findings:
    """Hold what was found in all files."""

    results: list[Result] = field(default_factory=list)
    skipped: int = 0
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """Return 130 after Ctrl-C, 2 for no file, 1 for flaws, 3 for the machine's, else 0."""
        if self.interrupted:
            return 130
        if not self.results:
            return 2
        if any(not one.clean and not one.refused for one in self.results):
            return 1
        return 3 if any(one.refused for one in self.results) else 0

    def summary(self) -> dict[str, object]:
        """Return the counts."""
        unreadable = sum(one.unreadable is not None for one in self.results)
        clean = sum(one.clean for one in self.results)
        files: Counter[str] = Counter()
        for one in self.results:
            files.update({flaw.code.value for flaw in one.flaws})
        return {
            "files": len(self.results),
            "clean": clean,
            "flawed": len(self.results) - clean - unreadable,
            "unreadable": unreadable,
            "skipped": self.skipped,
            "interrupted": self.interrupted,
            "by_code": dict(sorted(files.items(), key=lambda pair: (-pair[1], pair[0]))),
        }


@click.command()
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--glob", "globs", multiple=True, metavar="PATTERN", help="File names in folders.")
@click.option("--container", type=click.Choice(CONTAINERS), help="Layout; default: detected.")
@click.option("--hashes/--no-hashes", default=True, help="Compute hashes; they take the time.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def lint(
    paths: tuple[Path, ...],
    globs: tuple[str, ...],
    container: str | None,
    hashes: bool,
    as_json: bool,
) -> None:
    """Explain every flaw of firmware files, with its offset and the clause that it breaks.

    PATHS are files, or folders that are searched to their depths, by default for every file with an
    OTA header; one without is skipped there, unless --glob or its ending (.ota, .zigbee, .sbl-ota)
    says what it should be. No key is needed, and no signature verified. Exits with 0 if all are
    clean, 1 if one is flawed, 2 if there is none, 3 if the only trouble is what cannot be read, 130
    after Ctrl-C, with what was found till then.
    """
    targets = list(find(paths, globs))
    found = Findings()
    try:
        with bar("lint") if len(targets) > 1 else nullcontext() as progress:
            for done, target in enumerate(targets, 1):
                judge(target, found, container, hashes=hashes)
                if progress is not None:
                    progress(done, len(targets))
    except KeyboardInterrupt:
        found.interrupted = True
    if as_json:
        files = [_document(one) for one in found.results]
        click.echo(json.dumps({"files": files, "summary": found.summary()}, indent=2))
    else:
        _print(found, of=len(targets))
    raise SystemExit(found.exit_code)


def find(paths: Iterable[Path], globs: Sequence[str]) -> Iterator[Target]:
    """Yield the files that paths mean: themselves, or what lies below a folder, in order.

    Raises:
        WrongUse: There is nothing of that name.
    """
    for path in paths:
        if not path.is_dir():
            if not path.exists():
                raise WrongUse(f"{click.format_filename(path)}: found nothing, wanted a file")
            yield Target(path, meant=True)
            continue
        yield from sorted(_below(path, globs), key=lambda target: target.path)


def _below(folder: Path, globs: Sequence[str]) -> Iterator[Target]:
    """Yield the files in a folder and its folders, and the folders that cannot be read."""
    closed: list[OSError] = []
    for parent, _, names in os.walk(folder, onerror=closed.append):
        for name in names:
            if globs and not any(fnmatch(name, one) for one in globs):
                continue
            file, meant = Path(parent, name), bool(globs) or name.lower().endswith(ENDINGS)
            try:
                if file.is_file():
                    yield Target(file, meant=meant)
            except OSError as error:
                yield Target(file, meant=meant, refused=error)
    yield from (Target(Path(one.filename), meant=True, refused=one) for one in closed)


def judge(target: Target, found: Findings, container: str | None, *, hashes: bool) -> None:
    """Look at one file and add what is to be said of it."""
    from emulator.errors import WireError
    from emulator.image.lint import lint as lint_image
    from emulator.wire.ota_file import Container

    result = Result(click.format_filename(target.path))
    layout: Container | None = Container(container) if container else None
    try:
        if target.refused is not None:
            raise Environment(f"cannot be read: {target.refused.strerror}")
        octets = read_file(target.path)
        result.size = len(octets)
        result.flaws = lint_image(octets, layout, hashes=hashes)
    except (WireError, WrongUse) as error:
        if not target.meant:
            found.skipped += 1
            return
        result.unreadable = str(error).removeprefix(f"{result.name}: ")
    except Environment as error:
        result.unreadable, result.refused = str(error).removeprefix(f"{result.name}: "), True
    found.results.append(result)


def _document(result: Result) -> dict[str, object]:
    flaws = [
        {
            "offset": one.offset,
            "code": one.code.value,
            "severity": one.severity.value,
            "found": one.found,
            "expected": one.expected,
            "clause": one.clause,
        }
        for one in result.flaws
    ]
    about = {"file": result.name, "size": result.size, "clean": result.clean}
    return {**about, "unreadable": result.unreadable, "flaws": flaws}


def _print(found: Findings, *, of: int) -> None:
    for one in found.results:
        if one.unreadable is not None:
            click.echo(f"{one.name}: unreadable: {one.unreadable}")
        for flaw in one.flaws:
            click.echo(f"{one.name}: {flaw}")
        if of == 1 and not one.flaws and one.unreadable is None:
            click.echo(f"{one.name}: clean, {one.size} octets")
    if of > 1:
        _print_summary(found)
    if found.interrupted:
        done = len(found.results) + found.skipped
        click.echo(f"hanover: interrupted after {done} of {of} files", err=True)
    elif not found.results:
        click.echo(f"hanover: found no firmware file in {of} files, wanted one", err=True)


def _print_summary(found: Findings) -> None:
    counts = found.summary()
    click.echo(
        f"{counts['files']} files: {counts['clean']} clean, {counts['flawed']} flawed,"
        f" {counts['unreadable']} unreadable; {counts['skipped']} skipped"
    )
    by_code = counts["by_code"]
    if isinstance(by_code, dict):
        for code, files in by_code.items():
            click.echo(f"  {files:>6} {'file' if files == 1 else 'files'}  {code}")
