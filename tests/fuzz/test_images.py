"""Run a little of the image fuzzer, and see that it can fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import WireError
from tests.fuzz import images


def test_some_thousand_inputs_break_nothing() -> None:
    """Take every kind of way through: done, refused, not possible."""
    total = sum(images.run(3000, 0), images.Counter())
    for judge in ("read", "manifest", "lint", "edit"):
        assert total[f"{judge} done"] > 300
    assert total["read refused"] > 100
    assert total["edit not possible"] > 100


@given(st.binary(max_size=200), st.integers(0, 1000))
def test_any_octets_break_nothing(data: bytes, number: int) -> None:
    """Let hypothesis look for what the edits do not make."""
    assert sum(images.judge(data, 0, number).values()) == len(images.JUDGES)
    assert sum(images.judge(images.MAGIC + data, 0, number).values()) == len(images.JUDGES)


def test_floods_take_little_memory() -> None:
    """Measure the dearest files there are."""
    for flood in images.floods():
        assert images.measured(flood, 0, 0) > 0


def test_an_input_is_its_number() -> None:
    """Make the same octets again, and others for another number or seed."""
    made = [images.make(0, number) for number in range(50)]
    assert made == [images.make(0, number) for number in range(50)]
    assert len(set(made)) > 45
    assert made != [images.make(1, number) for number in range(50)]


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (lambda data, rng: data[10**6], "IndexError"),
        (lambda data, rng: bytearray(8 << 20), "took"),
    ],
)
def test_the_fuzzer_sees_what_breaks(
    monkeypatch: pytest.MonkeyPatch, broken: object, complaint: str
) -> None:
    """Stop at an error that is none of ours, and at memory out of bounds."""
    broken.__name__ = "_broken"  # type: ignore[attr-defined]
    monkeypatch.setattr(images, "JUDGES", (broken,))
    with pytest.raises(RuntimeError, match=complaint):
        list(images.run(1, 0))


def test_our_own_errors_are_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count a refusal, and go on."""

    def refuse(data: bytes, rng: object) -> None:
        raise WireError("no")

    monkeypatch.setattr(images, "JUDGES", (refuse,))
    assert images.judge(b"", 0, 0) == {"efuse refused": 1}
