"""Calculate on the Koblitz curves sect163k1 and sect283k1.

A sum of many multiples is sorted by digit: each scalar is written to the base tau, the Frobenius
images of its point go into one heap a digit, the heaps are added up in pairs, round by round, and
all slopes of a round share one inversion. Nothing here takes constant time: the keys of a test
tool are no secrets, and production keys must never come near it.

Source: SEC 1, 2.2.2 and 2.3; SEC 2, 3.2.1 and 3.5.1; FIPS 186-4, D.1.3.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

from emulator.crypto.field import Field
from emulator.crypto.tau import Recoder
from emulator.errors import CryptoError
from emulator.units import Octets

#: x and y; None is the point at infinity.
Point = tuple[int, int] | None

#: Digits of the scalars; chosen by measuring, 4 to 6 differ by a tenth.
WIDTH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Know a Koblitz curve y^2 + xy = x^3 + ax^2 + 1 and the base point on it.

    Points that are handed in lie on the curve: ``contains`` and ``is_public_key`` tell.

    Args:
        name: As in SEC 2.
        field: Of the coordinates.
        a: 0 or 1.
        n: Order of the base point, prime.
        h: Cofactor: 2 or 4; the curve has h * n points.
        base: The base point, G.
    """

    name: str
    field: Field
    a: int
    n: int
    h: int
    base: tuple[int, int]

    @property
    def m(self) -> int:
        """Return the degree of the field."""
        return self.field.m

    @property
    def b(self) -> int:
        """Return the constant of the equation, which is 1 on every Koblitz curve."""
        return 1

    @property
    def octets(self) -> Octets:
        """Return the octets of a field element; a compressed point has one more."""
        return (self.field.m + 7) // 8

    def contains(self, point: Point) -> bool:
        """Tell whether a point lies on the curve, as infinity does; any integers may be asked."""
        if point is None:
            return True
        x, y = point
        field = self.field
        if not (field.holds(x) and field.holds(y)):
            return False
        square = field.square(x)
        return field.multiply(y ^ x, y) == field.multiply(square, x ^ self.a) ^ self.b

    def is_public_key(self, point: Point) -> bool:
        """Tell whether a point may be a public key: on the curve, of order n, not infinity.

        Order n is told without a multiplication: a point is twice another if the trace of its x
        is that of a, and a subgroup of cofactor 4 holds the points that are so twice over.

        Source: SEC 1, 3.2.2.1; Knudsen, Elliptic scalar multiplication using point halving (1999).
        """
        if point is None or not self.contains(point):
            return False
        field = self.field
        x, y = point
        if field.trace(x) != self.a:
            return False
        if self.h == 2:
            return True
        slope = field.half_trace(x ^ self.a)
        return field.trace(y ^ field.multiply(x, slope ^ 1)) == self.a

    def add(self, p: Point, q: Point) -> Point:
        """Return p + q."""
        return _totals(self, [[p, q]])[0]

    def multiply(self, k: int, p: Point) -> Point:
        """Return k * p, for any integer k and any point of the curve."""
        return self._sum(((k, p),))

    def combine(self, u: int, p: Point, v: int, q: Point) -> Point:
        """Return u * p + v * q, in little more time than one multiple takes."""
        return self._sum(((u, p), (v, q)))

    def _sum(self, products: Iterable[tuple[int, Point]]) -> Point:
        recoder = _recoder(self)
        heaps: dict[int, list[Point]] = {digit: [] for digit in range(1, 1 << WIDTH - 1, 2)}
        for scalar, point in products:
            if point is None:
                continue
            images = _base_images(self) if point == self.base else _images(self, point)
            for digit, (x, y) in zip(recoder.digits(scalar), images, strict=False):
                if digit > 0:
                    heaps[digit].append((x, y))
                elif digit:
                    heaps[-digit].append((x, x ^ y))
        totals = _totals(self, list(heaps.values()))
        last = []
        for digit, total in zip(heaps, totals, strict=True):
            if total is not None:
                powers = {power: sign for sign, power in recoder.terms(digit)}
                images = islice(_images(self, total), max(powers) + 1)
                for power, (x, y) in enumerate(images):
                    if power in powers:
                        last.append((x, y if powers[power] > 0 else x ^ y))
        return _totals(self, [last])[0]

    def compress(self, point: Point) -> bytes:
        """Return 02 or 03 and x.

        Raises:
            CryptoError: The point is at infinity, which has no such form here.

        Source: SEC 1, 2.3.3.
        """
        if point is None:
            raise CryptoError(f"{self.name}: found infinity, wanted a point to compress")
        x, y = point
        bit = self.field.multiply(y, self.field.invert(x)) & 1 if x else 0
        return bytes([2 | bit]) + x.to_bytes(self.octets, "big")

    def decompress(self, octets: bytes) -> Point:
        """Return the point on the curve that ``compress`` would write so.

        Never returns infinity, yet the point may lie outside the subgroup of order n.

        Raises:
            CryptoError: Wrong length or prefix, x is no element, or no point has this x.

        Source: SEC 1, 2.3.4.
        """
        wanted = self.octets + 1
        if len(octets) != wanted:
            raise self._refusal(f"found {len(octets)} octets, wanted {wanted}")
        if octets[0] not in (2, 3):
            raise self._refusal(f"found prefix 0x{octets[0]:02X}, wanted 0x02 or 0x03")
        x = int.from_bytes(octets[1:], "big")
        field = self.field
        if not field.holds(x):
            raise self._refusal(f"found an x of {x.bit_length()} bits, wanted at most {field.m}")
        bit = octets[0] & 1
        if not x:
            if bit:
                raise self._refusal("found prefix 0x03, wanted 0x02 for x = 0")
            return 0, self.b
        inverse = field.invert(x)
        beta = x ^ self.a ^ field.square(inverse)
        if field.trace(beta):
            raise self._refusal(f"found x 0x{x:X}, wanted one of a point on the curve")
        z = field.half_trace(beta)
        return x, field.multiply(x, z ^ (z & 1 ^ bit))

    def _refusal(self, text: str) -> CryptoError:
        return CryptoError(f"compressed point of {self.name}: {text}")


def _images(curve: Curve, point: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield tau^i of a point, from i = 0 on, for ever."""
    square = curve.field.square
    x, y = point
    while True:
        yield x, y
        x, y = square(x), square(y)


@cache
def _base_images(curve: Curve) -> Sequence[tuple[int, int]]:
    """Return the images of the base point: m of them are all, and a few begin anew."""
    return tuple(islice(_images(curve, curve.base), curve.m + 16))


@cache
def _recoder(curve: Curve) -> Recoder:
    return Recoder(1 if curve.a else -1, curve.m, WIDTH)


def _totals(curve: Curve, heaps: Sequence[Sequence[Point]]) -> list[Point]:
    """Return the sum of each heap of points."""
    left = [[point for point in heap if point is not None] for heap in heaps]
    while any(len(heap) > 1 for heap in left):
        left = _add_pairs(curve, left)
    return [heap[0] if heap else None for heap in left]


def _add_pairs(
    curve: Curve, heaps: Sequence[Sequence[tuple[int, int]]]
) -> list[list[tuple[int, int]]]:
    """Return heaps of half the size with the same sums: each two neighbours are added."""
    field = curve.field
    halves = [list(heap[len(heap) & ~1 :]) for heap in heaps]
    work = []
    runs = []
    for heap, half in zip(heaps, halves, strict=True):
        for (x1, y1), (x2, y2) in zip(heap[::2], heap[1::2], strict=False):
            run, rise = x1 ^ x2, y1 ^ y2
            if not run:
                if rise or not x1:
                    continue  # P + -P, or twice a point of order 2: infinity
                run, rise = x1, field.square(x1) ^ y1
            work.append((half, x1, y1, x1 ^ x2 ^ curve.a, rise))
            runs.append(run)
    for (half, x1, y1, rest, rise), inverse in zip(work, field.invert_all(runs), strict=True):
        slope = field.multiply(rise, inverse)
        x = field.square(slope) ^ slope ^ rest
        half.append((x, field.multiply(slope, x1 ^ x) ^ x ^ y1))
    return halves


SECT163K1 = Curve(
    name="sect163k1",
    field=Field(163, (7, 6, 3)),
    a=1,
    n=0x04000000000000000000020108A2E0CC0D99F8A5EF,
    h=2,
    base=(
        0x02FE13C0537BBC11ACAA07D793DE4E6D5E5C94EEE8,
        0x0289070FB05D38FF58321F2E800536D538CCDAA3D9,
    ),
)
SECT283K1 = Curve(
    name="sect283k1",
    field=Field(283, (12, 7, 5)),
    a=0,
    n=0x01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFE9AE2ED07577265DFF7F94451E061E163C61,
    h=4,
    base=(
        0x0503213F78CA44883F1A3B8162F188E553CD265F23C1567A16876913B0C2AC2458492836,
        0x01CCDA380F1C9E318D90F95D07E5426FE87E45C0E8184698E45962364E34116177DD2259,
    ),
)
