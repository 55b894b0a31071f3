"""What stands behind -k chooses the narrowest thing that has this name."""

import pytest

from emulator.errors import did_you_mean
from harness.covers import Coverage
from harness.recorder import About
from harness.requirements import catalogue
from harness.selection import hint, select, vectors_named


def one(case: str, profile: str, *ids: str) -> About:
    return About(
        id=f"{case}[{profile}]",
        case=case,
        topic=case.partition("::")[0],
        profile=profile,
        coverage=Coverage(requirements=tuple(catalogue.find(id) for id in ids)),
        attack="",
        expect="",
        source="",
    )


EVERY = (
    one("boot::one", "B1", "OTA-C-001"),
    one("boot::one", "B2", "OTA-C-001"),
    one("boot::one_more", "B1", "OTA-C-002", "GB-064"),
    one("wire::boot", "B1", "GB-065"),
    one("wire::rows/IV-1", "B1"),
    one("wire::rows/IV-14", "B1"),
)
WISHES = [
    ((), [0, 1, 2, 3, 4, 5]),
    (("boot::one[B1]",), [0]),
    (("boot::one",), [0, 1]),
    (("boot::one_",), [2]),
    (("ota-c-001",), [0, 1]),
    (("OTA-C",), [0, 1, 2]),
    (("boot",), [0, 1, 2]),
    (("::boot",), [3]),
    (("IV-1",), [4, 5]),
    (("wire::rows/IV-1",), [4]),
    (("GB-064", "GB-065"), [2, 3]),
    (("GB-065", "GB-064"), [2, 3]),
    (("[B2]",), [1]),
]


@pytest.mark.parametrize(("wishes", "indices"), WISHES)
def test_a_wish_chooses(wishes: tuple[str, ...], indices: list[int]) -> None:
    assert select(EVERY, wishes) == (indices, [])


@pytest.mark.parametrize("wish", ["nothing", "", " ", "boot::one[B3]"])
def test_a_wish_that_nothing_grants_is_told(wish: str) -> None:
    assert select(EVERY, ("boot", wish)) == ([0, 1, 2], [wish])


def test_a_hint_names_what_is_near() -> None:
    assert hint(EVERY, "boot::onne") == "; did you mean boot::one or boot::one_more?"
    assert hint(EVERY, "zzz") == ""


@pytest.mark.parametrize(
    ("wrong", "known", "most", "said"),
    [
        ("Zeor", ["one", "zero"], 1, "; did you mean zero?"),
        ("d02", ["D120", "D021", "D020"], 2, "; did you mean D020 or D021?"),  # the begin counts
        (" d020", ["D120", "D020"], 1, "; did you mean D020?"),
        ("wait", ["wait_longer", "waits", "waited"], 2, "; did you mean waits or waited?"),
        ("", ["one"], 3, ""),
        ("one", [], 3, ""),
        ("xyz", ["one", "two"], 3, ""),
    ],
)
def test_what_was_meant_is_guessed(wrong: str, known: list[str], most: int, said: str) -> None:
    assert did_you_mean(wrong, known, most) == said


@pytest.mark.parametrize(
    ("wishes", "ids"),
    [
        ((), set()),
        (("IV-014",), {"IV-014"}),
        ((" iv-014", "image_verify::file_is_judged/SE-9001[B1]"), {"IV-014", "SE-9001"}),
        (("image_verify::file_is_judged/RB-014",), {"RB-014"}),
        (("IV-014", "boot"), set()),  # the topic means more
        (("IV-01",), set()),
        (("GB-064",), set()),  # a requirement
        (("IV-014[B1",), set()),
    ],
)
def test_wishes_about_vectors_alone_name_them(wishes: tuple[str, ...], ids: set[str]) -> None:
    assert vectors_named(wishes) == ids
