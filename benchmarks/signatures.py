"""Measure what the signature of an image costs to check and to make, beside the plain curve.

Checking is all of it: the certificate read, its public key reconstructed, both points checked, the
signature verified. The plain curve is the oracle of the tests: bitwise products, affine additions,
double-and-add; its points come decompressed and unchecked. The two take turns, so that both meet
the same load. Run it as ``python -m benchmarks.signatures``; 1 if a check costs more than wanted.
"""

import gc
from collections.abc import Callable
from statistics import median
from time import process_time

from emulator.crypto import ecdsa
from emulator.crypto.ecqv import issue, read_certificate, reconstruct
from emulator.crypto.mmo import aes_mmo
from emulator.crypto.suites import FACTS, Suite
from tests.crypto.plain_curve import PLAIN

ROUNDS = 5
#: Checks a round; the plain curve makes one.
TIMES = 20
CA_PRIVATE = 0x0123456789ABCDEF0123456789ABCDEF
DIGEST = bytes(range(16))

#: Milliseconds that a check with reconstruction may cost on one core.
WANTED = {Suite.ONE: 15, Suite.TWO: 40}


def seconds(work: Callable[[], object], times: int) -> float:
    """Return what one call costs of the processor."""
    gc.collect()
    start = process_time()
    for _ in range(times):
        if not work():
            raise RuntimeError("a good signature was refused")
    return (process_time() - start) / times


def works(suite: Suite) -> tuple[Callable[[], object], ...]:
    """Return a check of ours, one of the plain curve, and the making of a signature."""
    curve = FACTS[suite].curve
    plain = PLAIN[curve.name]
    ca_public = curve.multiply(CA_PRIVATE, curve.base)
    octets, private = issue(suite, CA_PRIVATE, subject=1, issuer=2)
    r, s = ecdsa.sign(curve, private, DIGEST)
    point = curve.decompress(octets.point)
    factor = int.from_bytes(aes_mmo(octets.octets), "big")

    def check() -> bool:
        public = reconstruct(read_certificate(octets.octets, suite), ca_public)
        return ecdsa.verify(curve, public, DIGEST, r, s)

    def check_plainly() -> bool:
        public = plain.add(plain.multiply(factor, point), ca_public)
        return plain.verify(public, DIGEST, r, s)

    return check, check_plainly, lambda: ecdsa.sign(curve, private, DIGEST)


def main() -> int:
    """Print milliseconds, the ratio of the two, and what is wanted."""
    slow = False
    for suite in Suite:
        check, check_plainly, sign = works(suite)
        check(), sign()  # to warm up
        rounds = [
            (seconds(check, TIMES), seconds(check_plainly, 1), seconds(sign, TIMES))
            for _ in range(ROUNDS)
        ]
        ours, plain, making = (median(each) * 1e3 for each in zip(*rounds, strict=True))
        ratio = median(theirs / mine for mine, theirs, _ in rounds)
        slow |= ours > WANTED[suite]
        print(
            f"suite {suite}: check {ours:6.1f} ms (wanted {WANTED[suite]}), "
            f"plain {plain:7.1f} ms, ratio {ratio:5.1f}; sign {making:5.1f} ms"
        )
    return int(slow)


if __name__ == "__main__":
    raise SystemExit(main())
