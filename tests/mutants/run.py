"""Mutate the client, the loader and the verifier, and see who notices.

Run it as ``python -m tests.mutants.run`` (``tox -e mutants``). Every check is left out once, and a
seeded sample of other changes is made; each mutant is judged by the cases, then by unit tests. 1 if
a mutant survives that ``survivors.toml`` does not explain, or it explains one that does not. With
``--json FILE`` each judgement is kept, and a run that was cut short goes on where it was.
"""

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from random import Random

from tests.mutants.judging import Judgement, judge
from tests.mutants.making import TERM, Mutant, changes_of, checks_of
from tests.mutants.survivors import ROOT, survivors, table

#: What is mutated; the verifier's checks too, as it is judged with them.
PACKAGES = ("emulator/ota", "emulator/boot")
VERIFIER = ("emulator/image/verify.py", "emulator/image/signatures.py")


def population(count: int, seed: int) -> list[Mutant]:
    """Return so many mutants of client and loader, then every check of the verifier left out.

    Of client and loader each ``if`` and each predicate is among them; the rest is drawn.
    """
    random = Random(seed)
    files = [file for package in PACKAGES for file in sorted((ROOT / package).glob("*.py"))]
    checks = [one for file in files for one in checks_of(file, _module(file))]
    sure = [one for one in checks if one.operator != TERM]
    others = [one for one in checks if one.operator == TERM]
    others += [one for file in files for one in changes_of(file, _module(file), random)]
    drawn = random.sample(others, min(max(count - len(sure), 0), len(others)))
    verifier = [one for name in VERIFIER for one in checks_of(ROOT / name, _module(ROOT / name))]
    mixed = sure + drawn
    random.shuffle(mixed)  # a run that is cut short is a fair sample
    return mixed + [one for one in verifier if one.operator != TERM]


def _sound() -> Mutant:
    """Return a mutant that changes nothing: whoever notices it notices anything."""
    file = ROOT / PACKAGES[0] / "client.py"
    source = file.read_text("utf-8")
    return Mutant(
        module=_module(file),
        function="",
        line=0,
        operator="",
        before="",
        after="",
        source=source,
    )


def _module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def main(arguments: list[str]) -> int:
    """Judge mutants, and tell of those that nobody notices."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=300, help="mutants of client and loader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--match", default="", help="only mutants whose name holds this text")
    parser.add_argument("--again", type=Path, help="only those that survived in a --json file")
    parser.add_argument("--json", type=Path, help="a file for one object a line")
    parser.add_argument("--table", action="store_true", help="print the explained ones, judge none")
    options = parser.parse_args(arguments)
    if options.table:
        print(table(), end="")
        return 0
    mutants = [one for one in population(options.count, options.seed) if options.match in one.name]
    if options.again is not None:
        left = _survivors_of(options.again)
        mutants = [one for one in mutants if one.name in left]
    sound = _judged([_sound()], None)[_sound()]
    if not sound.survived:
        print(f"what is not mutated is not sound: {sound.by}", file=sys.stderr)
        return 3
    return _tell(mutants, _judged(mutants, options.json))


def _survivors_of(file: Path) -> set[str]:
    return {name for name, found in _kept(file).items() if found.survived}


def _kept(file: Path) -> dict[str, Judgement]:
    """Return the judgements that a file holds, by the mutant's name."""
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return {row["name"]: Judgement(row["who"], row["by"], row["clause"]) for row in rows}


def _judged(mutants: list[Mutant], file: Path | None) -> dict[Mutant, Judgement]:
    """Return the judgement of each mutant; those that a file keeps, and the others added to it."""
    kept = _kept(file) if file is not None and file.exists() else {}
    found = {one: kept[one.name] for one in mutants if one.name in kept}
    left = [one for one in mutants if one not in found]

    def note(mutant: Mutant, made: Judgement) -> None:
        found[mutant] = made
        sys.stderr.write(f"{len(found)}/{len(mutants)} {made.who or 'SURVIVED'} {mutant.name}\n")
        if file is not None:
            row = {"name": mutant.name, "line": mutant.line, "operator": mutant.operator}
            with file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps({**row, **asdict(made)}) + "\n")

    judge(left, note)
    return found


def _tell(mutants: list[Mutant], found: dict[Mutant, Judgement]) -> int:
    """Print who noticed how many, and what is not explained; return the exit code."""
    if not mutants:
        print("no mutant: nothing was judged", file=sys.stderr)
        return 2
    reasons = {one.name for one in survivors()}
    alive = [one for one in mutants if found[one].survived]
    for who, count in sorted(Counter(one.who or "nobody" for one in found.values()).items()):
        print(f"{count:5} noticed by {who}")
    unexplained = [one for one in alive if one.name not in reasons]
    stale = sorted(reasons & {one.name for one in mutants if not found[one].survived})
    for one in unexplained:
        print(f"survives, not explained: {one.name} (line {one.line}, {one.operator})")
    for name in stale:
        print(f"explained, but noticed: {name}")
    print(f"{len(mutants)} mutants, {len(alive)} survive, {len(unexplained)} not explained")
    return 1 if unexplained or stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
