"""Each explanation of a surviving mutant is of a line that there is, and the guide has it."""

import re

import pytest

from tests.mutants.survivors import ROOT, survivors, table

GUIDE = ROOT / "docs" / "mutants.md"
#: A check in a table of the guide: module and function, and its code.
CHECK = re.compile(r"`(\w+)\.(\w+)\.(\w+)`: `([^`]+)`")
#: A row of the table of numbers: what, made, and who noticed how many.
NUMBERS = re.compile(
    r"^\| ([a-z ]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE
)


def test_every_survivor_has_a_reason_of_its_own() -> None:
    found = survivors()
    assert found
    assert len({one.name for one in found}) == len(found)
    for one in found:
        assert len(one.reason.split()) >= 5, one.name
        assert one.before != one.after, one.name


def test_every_survivor_is_of_a_line_that_there_is() -> None:
    for one in survivors():
        lines = one.file.read_text("utf-8").splitlines()
        code = " ".join(" ".join(line.partition("  #")[0] for line in lines).split())
        assert one.before in code, one.name
        function = one.where.rpartition(".")[2]
        assert not function or f"def {function}(" in code or f"class {function}" in code, one.name


def test_the_guide_has_the_table() -> None:
    assert table() in GUIDE.read_text("utf-8")


def left_to_unit_tests() -> list[tuple[str, str, str, str]]:
    """Return package, module, function and code of each check that the guide names."""
    return CHECK.findall(GUIDE.read_text("utf-8"))


def test_the_numbers_of_the_guide_add_up() -> None:
    rows = {what: [int(one) for one in more] for what, *more in NUMBERS.findall(GUIDE.read_text())}
    assert len(rows) == 3
    for what, (made, *noticed) in rows.items():
        assert made == sum(noticed), what
    named = left_to_unit_tests()
    assert len(set(named)) == len(named)
    of_verifier = sum(package == "image" for package, *_ in named)
    assert rows["checks of the verifier"][2] == of_verifier
    assert rows["checks of client and loader"][2] == len(named) - of_verifier


@pytest.mark.parametrize("check", left_to_unit_tests(), ids=lambda one: f"{one[1]}.{one[2]}")
def test_every_check_of_the_guide_is_there(check: tuple[str, str, str, str]) -> None:
    package, module, function, code = check
    text = (ROOT / "emulator" / package / f"{module}.py").read_text("utf-8")
    lines = (line.partition("  #")[0] for line in text.splitlines())
    assert code in " ".join(" ".join(lines).split())
    assert f"def {function}(" in text
