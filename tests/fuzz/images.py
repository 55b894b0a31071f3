"""Feed mutated firmware files to whatever reads them: nothing but our errors may come out.

Run it as ``python -m tests.fuzz.images --count 1000000 --seed 0``; 1 if an input broke something.
An input is an honest file after edits, or nothing that ever was one; its number and the seed make
it again. Every so many inputs, memory is measured: three times the input and 1 MiB at most.
"""

import argparse
import sys
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from random import Random

from emulator.errors import HanoverError, WireError
from emulator.image.build import build
from emulator.image.edits import apply
from emulator.image.lint import lint
from emulator.image.mutations import KEY, MUTATIONS, edits_of
from emulator.wire.manifest import read_manifest
from emulator.wire.ota_file import MAGIC, Container, Element
from emulator.wire.ota_findings import HUE_MANUFACTURER, HUE_START, TELINK_MANUFACTURER
from emulator.wire.ota_reader import MOST_ELEMENTS, read

#: Of every so many inputs one is measured for memory, which makes it far slower.
SAMPLE = 500
#: Octets above three times the input that reading may take.
SPARE = 1 << 20
#: Seconds that an input may take; the slowest honest one takes a hundredth.
LONGEST = 5.0
#: Edits that no mutation makes; a mutated file gets some of them as well.
_INTERESTING = ("00", "ff", "7f", "80", "01", "00000000", "ffffffff", "ffffff7f", "1ef1ee0b")


@cache
def bases() -> tuple[bytes, ...]:
    """Return honest files of every kind, small enough to make many of."""
    plain = {"payload": bytes(range(100)), "manufacturer": 0xFFF1, "image_type": 1, "version": 2}
    wide = plain | {"hardware": (1, 2), "destination": 7, "credential_version": 2}
    elements = (
        Element(2, bytes(48)),
        Element(6, bytes(74)),
        Element(0xF000, bytes(20)),
        Element(1, bytes(50)),
        Element(5, bytes(80)),
    )
    raw = plain | {"hardware": (1, 2), "container": Container.GBCS}
    signed = build(**plain, integrity=False, elements=(elements[0], elements[3]))
    return (
        build(**plain),
        build(**wide),
        build(**plain, manifest=False, integrity=False),
        build(**wide, integrity=False, elements=elements),
        signed,
        build(**wide, integrity=False, elements=(elements[1], elements[4])),
        build(**(plain | {"payload": None})),
        build(**raw),
        build(**raw, signature=bytes(range(64)), manifest=False),
        build(**(plain | {"manufacturer": TELINK_MANUFACTURER}), elements=(elements[2],)),
        build(**(plain | {"manufacturer": HUE_MANUFACTURER, "payload": HUE_START * 9})),
        build(**plain, elements=(Element(7, b""),) * 40),
        build(**(plain | {"image_type": 0xFFC0, "manifest": False})),
    )


@cache
def floods() -> tuple[bytes, ...]:
    """Return files of thousands of elements, which cost most memory for their size."""
    plain = {"payload": b"", "manufacturer": 1, "image_type": 1, "version": 2, "integrity": False}
    sizes = {0: 0, 1: 50, 2: 48, 3: 16, 5: 80, 6: 74, 7: 0}
    return tuple(
        build(**plain, elements=(Element(tag, bytes(size)),) * (MOST_ELEMENTS + 8))
        for tag, size in sizes.items()
    )


def make(seed: int, number: int) -> bytes:
    """Return the input of a number: the same for ever."""
    rng = Random(f"{seed}/{number}")
    if rng.random() < 0.05:
        size = rng.randrange(0, 300)
        return rng.choice((b"", MAGIC)) + rng.randbytes(size)
    if rng.random() < 0.0002:
        return _edited(rng.choice(floods()), rng)
    return _edited(rng.choice(bases()), rng)


def _edited(data: bytes, rng: Random) -> bytes:
    if rng.random() < 0.5:
        name = rng.choice(tuple(MUTATIONS))
        with suppress(HanoverError):
            data = apply(data, [edit for edit in edits_of(name, data, rng) if KEY not in edit])
    octets = bytearray(data)
    for _ in range(rng.randrange(0, 6)):
        at = rng.randrange(0, len(octets) + 1)
        new = bytes.fromhex(rng.choice(_INTERESTING)) if rng.random() < 0.5 else rng.randbytes(2)
        match rng.randrange(0, 4):
            case 0:
                octets[at : at + len(new)] = new
            case 1:
                octets[at:at] = new
            case 2:
                del octets[at : at + rng.randrange(1, 40)]
            case _:
                octets[at:at] = octets[at : at + rng.randrange(1, 80)]
    return bytes(octets)


def _read(data: bytes, rng: Random) -> None:
    container = rng.choice((None, *Container))
    file, findings = read(data, container)
    if file.encode() != data:
        raise AssertionError("what was read does not encode to the same octets")
    if any(finding.offset > max(len(data), 200) for finding in findings):
        raise AssertionError("a finding lies outside the file")


def _manifest(data: bytes, rng: Random) -> None:
    read_manifest(read(data)[0].image or b"")


def _lint(data: bytes, rng: Random) -> None:
    lint(data, rng.choice((None, *Container)))


_ANCHORS = (
    *("magic", "total_size", "destination", "image", "payload", "trailer", "signature", "end"),
    *("element:0x0000", "data:0x0003+2", "manifest.payload_length", "image-3", -1, 10, 10**9),
)


def _edit(data: bytes, rng: Random) -> None:
    at, number = rng.choice(_ANCHORS), rng.randrange(-3, 200)
    verb = rng.choice(("xor", "put", "insert", "remove", "reverse", "add", "keep", "refit"))
    edit: dict[str, object] = {verb: number}
    if verb in {"xor", "put", "insert"}:
        edit[verb] = rng.choice(_INTERESTING)
    if verb == "refit":
        edit[verb] = rng.choice(("size", "integrity", "integrity-with-head", "manifest"))
    if verb not in {"keep", "refit"}:
        edit["at"] = at
    apply(data, [edit])


JUDGES: tuple[Callable[[bytes, Random], None], ...] = (_read, _manifest, _lint, _edit)


def judge(data: bytes, seed: int, number: int) -> Counter[str]:
    """Give one input to every judge, and count what came of it.

    Raises:
        BaseException: Whatever is no error of ours.
    """
    found: Counter[str] = Counter()
    for one in JUDGES:
        try:
            one(data, Random(f"{seed}/{number}/{one.__name__}"))
            found[f"{one.__name__[1:]} done"] += 1
        except WireError:
            found[f"{one.__name__[1:]} refused"] += 1
        except HanoverError:
            found[f"{one.__name__[1:]} not possible"] += 1
    return found


def measured(data: bytes, seed: int, number: int) -> int:
    """Return the octets that the dearest judge took beyond the input itself.

    Raises:
        AssertionError: They are more than three times the input and 1 MiB.
    """
    most = 0
    for one in JUDGES:
        tracemalloc.start()
        try:
            with suppress(HanoverError):
                one(data, Random(f"{seed}/{number}/{one.__name__}"))
            taken = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        if taken > 3 * len(data) + SPARE:
            raise AssertionError(f"{one.__name__[1:]} took {taken} octets for {len(data)}")
        most = max(most, taken)
    return most


def run(count: int, seed: int, *, first: int = 0) -> Iterator[Counter[str]]:
    """Judge inputs one by one and yield what came of each.

    Raises:
        RuntimeError: An input broke something; names its number.
    """
    for number in range(first, first + count):
        start = time.perf_counter()
        try:
            data = make(seed, number)
            found = judge(data, seed, number)
            took = time.perf_counter() - start
            if number % SAMPLE == 0:
                found["most memory"] = measured(data, seed, number)
        except Exception as error:
            raise RuntimeError(f"input {number} of seed {seed}: {error!r}") from error
        if took > LONGEST:
            raise RuntimeError(f"input {number} of seed {seed} took {took:.1f} s")
        yield found


def main() -> int:
    """Run until the count is reached or an input breaks something."""
    parser = argparse.ArgumentParser(description="Fuzz what reads firmware files.")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    asked = parser.parse_args()
    total: Counter[str] = Counter()
    memory, start = 0, time.perf_counter()
    try:
        for done, found in enumerate(run(asked.count, asked.seed, first=asked.first), 1):
            memory = max(memory, found.pop("most memory", 0))
            total.update(found)
            if done % max(asked.count // 100, 1) == 0:
                rate = done / (time.perf_counter() - start)
                left = (asked.count - done) / rate
                print(
                    f"\r{done}/{asked.count}, {rate:.0f}/s, {left:.0f} s left ",
                    end="",
                    file=sys.stderr,
                )
    except RuntimeError:
        traceback.print_exc()
        return 1
    print(file=sys.stderr)
    for name, number in sorted(total.items()):
        print(f"{number:>9}  {name}")
    print(f"{asked.count} inputs of seed {asked.seed} in {time.perf_counter() - start:.0f} s;")
    print(f"most memory beyond an input: {memory} octets")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
