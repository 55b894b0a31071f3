"""Calculate on binary curves as the definitions are written: the oracle of the fast code.

Bit by bit products, inversion by long division, affine addition, double-and-add. It shares no
line with the product and is some thirty times as slow.

Source: SEC 1, 2.2.2.
"""

from dataclasses import dataclass

PlainPoint = tuple[int, int] | None


def divide(dividend: int, divisor: int) -> tuple[int, int]:
    """Return quotient and rest of two polynomials, by long division."""
    quotient = 0
    for shift in range(dividend.bit_length() - divisor.bit_length(), -1, -1):
        if dividend >> (shift + divisor.bit_length() - 1) & 1:
            quotient |= 1 << shift
            dividend ^= divisor << shift
    return quotient, dividend


@dataclass(frozen=True)
class PlainCurve:
    """Know y^2 + xy = x^3 + ax^2 + b over GF(2)[z] / polynomial."""

    polynomial: int
    a: int
    b: int
    n: int
    base: tuple[int, int]

    @property
    def degree(self) -> int:
        return self.polynomial.bit_length() - 1

    def product(self, one: int, other: int) -> int:
        result = 0
        while other:
            if other & 1:
                result ^= one
            one <<= 1
            if one >> self.degree:
                one ^= self.polynomial
            other >>= 1
        return result

    def inverse(self, element: int) -> int:
        """Return 1 / element by the extended Euclidean algorithm, one long division at a time."""
        old, new = self.polynomial, element
        old_factor, new_factor = 0, 1
        while new:
            quotient, rest = divide(old, new)
            old, new = new, rest
            old_factor, new_factor = new_factor, old_factor ^ self.product(new_factor, quotient)
        return old_factor

    def contains(self, point: PlainPoint) -> bool:
        if point is None:
            return True
        x, y = point
        square = self.product(x, x)
        left = self.product(y, y) ^ self.product(x, y)
        return left == self.product(square, x) ^ self.product(self.a, square) ^ self.b

    def add(self, p: PlainPoint, q: PlainPoint) -> PlainPoint:
        if p is None:
            return q
        if q is None:
            return p
        (x1, y1), (x2, y2) = p, q
        if x1 == x2:
            if y1 ^ y2 == x1:
                return None
            slope = x1 ^ self.product(y1, self.inverse(x1))
            x3 = self.product(slope, slope) ^ slope ^ self.a
            return x3, self.product(x1, x1) ^ self.product(slope ^ 1, x3)
        slope = self.product(y1 ^ y2, self.inverse(x1 ^ x2))
        x3 = self.product(slope, slope) ^ slope ^ x1 ^ x2 ^ self.a
        return x3, self.product(slope, x1 ^ x3) ^ x3 ^ y1

    def multiply(self, k: int, point: PlainPoint) -> PlainPoint:
        """Return k * point; k is not negative."""
        result = None
        while k:
            if k & 1:
                result = self.add(result, point)
            point = self.add(point, point)
            k >>= 1
        return result

    def verify(self, public: PlainPoint, digest: bytes, r: int, s: int) -> bool:
        """Judge an ECDSA signature over a digest that is no longer than n."""
        if not (0 < r < self.n and 0 < s < self.n):
            return False
        inverse = pow(s, -1, self.n)
        u = int.from_bytes(digest, "big") * inverse % self.n
        v = r * inverse % self.n
        point = self.add(self.multiply(u, self.base), self.multiply(v, public))
        return point is not None and point[0] % self.n == r


PLAIN_163 = PlainCurve(
    polynomial=1 << 163 | 1 << 7 | 1 << 6 | 1 << 3 | 1,
    a=1,
    b=1,
    n=0x04000000000000000000020108A2E0CC0D99F8A5EF,
    base=(
        0x02FE13C0537BBC11ACAA07D793DE4E6D5E5C94EEE8,
        0x0289070FB05D38FF58321F2E800536D538CCDAA3D9,
    ),
)
PLAIN_283 = PlainCurve(
    polynomial=1 << 283 | 1 << 12 | 1 << 7 | 1 << 5 | 1,
    a=0,
    b=1,
    n=0x01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFE9AE2ED07577265DFF7F94451E061E163C61,
    base=(
        0x0503213F78CA44883F1A3B8162F188E553CD265F23C1567A16876913B0C2AC2458492836,
        0x01CCDA380F1C9E318D90F95D07E5426FE87E45C0E8184698E45962364E34116177DD2259,
    ),
)
PLAIN = {"sect163k1": PLAIN_163, "sect283k1": PLAIN_283}
