"""Each explanation of a surviving mutant is of a line that there is, and the guide has it."""

from tests.mutants.survivors import ROOT, survivors, table

GUIDE = ROOT / "docs" / "mutants.md"


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
