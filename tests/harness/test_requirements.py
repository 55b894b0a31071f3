"""The requirements are complete and tidy, and the loader refuses what is not."""

import re
from collections import Counter
from pathlib import Path

import pytest

from harness.requirements import catalogue
from harness.requirements.catalogue import (
    CatalogueError,
    Evidence,
    Judge,
    Level,
    Requirement,
    UnknownRequirementError,
)

COUNTS = {"OTA-C": 114, "OTA-S": 26, "OTA-F": 30, "GB": 85}
PREFIXES = sorted(COUNTS)

PICS = """
[[item]]
id = "OTA.CLIENT"
about = "An OTA client"
"""

GOOD = """
[[requirement]]
id = "OTA-C-001"
title = "The client exposes the cluster"
level = "mandatory"
evidence = "confirmed"
source = "ZCL 11.10.1"
judge = "device"
stimulus = "Read it"
expected = "It answers"
pics = "OTA.CLIENT"
"""


def family(prefix: str) -> list[Requirement]:
    return [row for row in catalogue.load().values() if row.id.rpartition("-")[0] == prefix]


def labels(row: Requirement) -> set[str]:
    return set(re.findall(r"\[([^\]]+)\]", row.source))


def read(directory: Path, rows: str = GOOD, pics: str = PICS) -> catalogue.Catalogue:
    (directory / "pics.toml").write_text(pics, encoding="utf-8")
    (directory / "rows.toml").write_text(rows, encoding="utf-8")
    return catalogue.read(directory)


# What is shipped


@pytest.mark.parametrize("prefix", PREFIXES)
def test_ids_are_contiguous(prefix: str) -> None:
    expected = [f"{prefix}-{number:03}" for number in range(1, COUNTS[prefix] + 1)]
    assert [row.id for row in family(prefix)] == expected


def test_no_row_is_of_another_family() -> None:
    assert len(catalogue.load()) == sum(COUNTS.values())


def test_keys_are_the_ids() -> None:
    assert all(key == row.id for key, row in catalogue.load().items())


@pytest.mark.parametrize(
    ("prefix", "mandatory", "recommended", "policy"),
    [("OTA-C", 67, 43, 4), ("OTA-S", 16, 10, 0), ("OTA-F", 23, 7, 0), ("GB", 45, 28, 12)],
)
def test_levels(prefix: str, mandatory: int, recommended: int, policy: int) -> None:
    assert Counter(row.level for row in family(prefix)) == {
        key: count
        for key, count in zip(Level, (mandatory, recommended, policy), strict=True)
        if count
    }


def test_every_grade_of_evidence_and_every_judge_occurs() -> None:
    rows = catalogue.load().values()
    assert {row.evidence for row in rows} == set(Evidence)
    assert {row.judge for row in rows} == set(Judge)


@pytest.mark.parametrize(
    ("prefix", "judge"), [("OTA-C", "device"), ("OTA-S", "hub"), ("OTA-F", "file")]
)
def test_each_ota_family_has_one_judge(prefix: str, judge: str) -> None:
    assert {row.judge for row in family(prefix)} == {judge}


def test_a_label_in_the_source_sets_the_evidence() -> None:
    by_label = {
        "UNCONFIRMED": Evidence.UNCONFIRMED,
        "ASSUMED": Evidence.ASSUMED,
        "RECALLED": Evidence.ASSUMED,
        "RUN": Evidence.CONFIRMED,
        "VERIFIED": Evidence.CONFIRMED,
    }
    found = {
        (label, row.evidence)
        for row in catalogue.load().values()
        for label in labels(row) & by_label.keys()
    }
    assert found == set(by_label.items())


def test_derived_rows_never_pass_for_confirmed() -> None:
    derived = [row for row in family("GB") if "DERIVED" in labels(row)]
    assert len(derived) == 25
    assert {row.evidence for row in derived} == {Evidence.DERIVED}


def test_the_level_of_a_gb_row_follows_from_its_evidence() -> None:
    assert {(row.evidence, row.level) for row in family("GB")} == {
        (Evidence.CONFIRMED, Level.MANDATORY),
        (Evidence.DERIVED, Level.RECOMMENDED),
        (Evidence.ASSUMED, Level.POLICY),
    }


def test_every_pics_item_is_used() -> None:
    assert {row.pics for row in catalogue.load().values()} == set(catalogue.items())


@pytest.mark.parametrize(
    ("requirement_id", "member"),
    [
        ("OTA-C-017", "query"),
        ("OTA-C-072", "restarts at 0"),
        ("OTA-C-089", "0x03"),
        ("OTA-S-012", "Image Block Response ABORT"),
        ("GB-066", "rollback"),
    ],
)
def test_several_outcomes_are_an_accept_set(requirement_id: str, member: str) -> None:
    assert member in catalogue.find(requirement_id).accept


def test_an_accept_set_has_distinct_members_and_more_than_one() -> None:
    for row in catalogue.load().values():
        assert len(row.accept) != 1, row.id
        assert len(set(row.accept)) == len(row.accept), row.id


def test_texts_are_tidy() -> None:
    untidy = re.compile(r"[|`*<]{2}|[|`]|\s{2}|^\s|\s$|/work|/tmp|/home|[^\x20-\x7e]")
    for row in catalogue.load().values():
        texts = (row.title, row.source, row.stimulus, row.expected, row.note, row.uncovered)
        texts += row.accept
        assert not [text for text in texts if text and untidy.search(text)], row.id


def test_titles_are_short_sentences_of_their_own() -> None:
    titles = [row.title for row in catalogue.load().values()]
    assert [title for title, count in Counter(titles).items() if count > 1] == []
    assert max(map(len, titles)) <= 100


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_clause_names_its_document(prefix: str) -> None:
    clause = re.compile(r"(?:(\S+) )?(?<![\w.])\d+\.\d")
    named = {"ZCL", "095264", "SE", "against", "section"}
    assert not [row.id for row in family(prefix) if set(clause.findall(row.source)) - named]


def test_references_between_requirements_exist() -> None:
    rows = catalogue.load()
    text = " ".join(f"{row.stimulus} {row.expected} {row.note}" for row in rows.values())
    referred = set(re.findall(r"(?:OTA-[CSF]|GB)-\d+", text))
    assert "OTA-C-051" in referred
    assert referred <= rows.keys()


@pytest.mark.parametrize("name", ["ota_client", "ota_server", "ota_file", "gb"])
def test_the_legend_of_a_file_explains_each_source_key(name: str) -> None:
    text = Path(catalogue.__file__).with_name(f"{name}.toml").read_text(encoding="utf-8")
    explained = set(re.findall(r"^#   \[([^\]]+)\] \S", text, re.MULTILINE))
    sources = " ".join(re.findall(r'^source = "(.*)"$', text, re.MULTILINE))
    used = set(re.findall(r"\[([^\]]+)\]", sources)) - {"UNCONFIRMED no."}
    assert used == explained


# The loader


def test_a_good_file_is_read(tmp_path: Path) -> None:
    shipped = read(tmp_path, GOOD + 'accept = ["yes", "no"]\nnote = "why"\nuncovered = "later"\n')
    assert shipped.items == {"OTA.CLIENT": "An OTA client"}
    assert shipped.requirements["OTA-C-001"] == Requirement(
        id="OTA-C-001",
        title="The client exposes the cluster",
        level=Level.MANDATORY,
        evidence=Evidence.CONFIRMED,
        source="ZCL 11.10.1",
        judge=Judge.DEVICE,
        stimulus="Read it",
        expected="It answers",
        pics="OTA.CLIENT",
        accept=("yes", "no"),
        note="why",
        uncovered="later",
    )


def test_optional_keys_may_be_absent(tmp_path: Path) -> None:
    row = read(tmp_path).requirements["OTA-C-001"]
    assert (row.accept, row.note, row.uncovered) == ((), "", "")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('level = "mandatory"', 'level = "must"', "level: found 'must', expected one of mandatory"),
        (
            'evidence = "confirmed"',
            'evidence = "sure"',
            "evidence: found 'sure', expected one of confirmed",
        ),
        ('judge = "device"', 'judge = "jury"', "judge: found 'jury', expected one of device"),
        ('pics = "OTA.CLIENT"', 'pics = "X"', "pics: found 'X', expected an item of pics.toml"),
        ('source = "ZCL 11.10.1"\n', "", "source: found nothing, expected a text"),
        ("title =", "titel =", "titel: found an unknown key, expected one of accept"),
        ('"Read it"', "7", "stimulus: found 7, expected a text that is not empty"),
        ('"It answers"', '" "', "expected: found ' ', expected a text that is not empty"),
        ('"device"\n', '"device"\naccept = []\n', "accept: found [], expected a list of texts"),
        ('"device"\n', '"device"\naccept = "a"\n', "accept: found 'a', expected a list of texts"),
        ('"device"\n', '"device"\naccept = ["a", 1]\n', "accept: found 1, expected a text"),
        ('"device"\n', '"device"\nnote = ""\n', "note: found '', expected a text"),
        ('"device"\n', '"device"\nuncovered = ""\n', "uncovered: found '', expected a text"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert GOOD.count(old) == 1

    with pytest.raises(CatalogueError) as caught:
        read(tmp_path, GOOD.replace(old, new))

    assert str(caught.value).startswith(f"rows.toml: OTA-C-001: {complaint}")


def test_a_row_without_id_is_named_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"^rows\.toml: requirement 2: id: found nothing"):
        read(tmp_path, GOOD + GOOD.replace('id = "OTA-C-001"\n', ""))


def test_a_repeated_id_is_refused_across_files(tmp_path: Path) -> None:
    (tmp_path / "first.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(
        CatalogueError, match=r"^rows\.toml: OTA-C-001: id: found an id used before"
    ):
        read(tmp_path)


@pytest.mark.parametrize(
    ("pics", "complaint"),
    [
        (PICS + PICS, "pics.toml: OTA.CLIENT: id: found an id used before"),
        (PICS.replace("about", "meaning"), "pics.toml: OTA.CLIENT: meaning: found an unknown key"),
        (
            PICS.replace('about = "An OTA client"', ""),
            "pics.toml: OTA.CLIENT: about: found nothing",
        ),
        (GOOD, "pics.toml: found requirement, expected only tables [[item]]"),
    ],
)
def test_a_wrong_item_is_named(tmp_path: Path, pics: str, complaint: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        read(tmp_path, pics=pics)
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("[[requirement", "rows.toml: found "),
        ("", "rows.toml: found nothing, expected only tables [[requirement]]"),
        (GOOD + PICS, "rows.toml: found requirement, item, expected only tables [[requirement]]"),
        ("requirement = 1", "rows.toml: found requirement, expected only tables [[requirement]]"),
        ("requirement = [1]", "rows.toml: found 1, expected a table [[requirement]]"),
    ],
)
def test_a_file_of_another_shape_is_named(tmp_path: Path, rows: str, complaint: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        read(tmp_path, rows)
    assert str(caught.value).startswith(complaint)


def test_no_requirement_at_all_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pics.toml").write_text(PICS, encoding="utf-8")
    with pytest.raises(CatalogueError, match="found no requirement, expected one or more"):
        catalogue.read(tmp_path)


def test_a_missing_items_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "rows.toml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"^pics\.toml: found .*, expected a file of TOML"):
        catalogue.read(tmp_path)


# Finding


def test_a_requirement_is_found_by_id() -> None:
    assert catalogue.find("GB-064").pics == "GB.ROLLBACK"


@pytest.mark.parametrize("wrong", ["ota-c-083", "OTA-C-O83", "OTA-C083"])
def test_an_unknown_id_gets_the_nearest_one(wrong: str) -> None:
    with pytest.raises(UnknownRequirementError) as caught:
        catalogue.find(wrong)
    assert isinstance(caught.value, KeyError)
    assert str(caught.value).startswith(f"no requirement {wrong!r}; did you mean ")
    assert "OTA-C-083" in str(caught.value)


def test_an_id_like_no_other_gets_no_suggestion() -> None:
    with pytest.raises(UnknownRequirementError) as caught:
        catalogue.find("hello")
    assert str(caught.value) == "no requirement 'hello'"


def test_the_catalogue_is_read_once_and_read_only() -> None:
    assert catalogue.load() is catalogue.load()
    with pytest.raises(TypeError):
        catalogue.load()["OTA-C-001"] = catalogue.find("OTA-C-002")  # type: ignore[index]
