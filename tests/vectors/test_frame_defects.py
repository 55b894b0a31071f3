"""Show which defect which frames catch: each one alone, where the case runs over all of them."""

import pytest

from emulator.profiles.load import load, names
from harness.bench import Bench
from harness.vectors.frames import play
from harness.vectors.load import load_vectors

PROFILE = load(names()[0])
VECTORS = {one.id: one for one in load_vectors(None, "frames")}

#: Vectors that fail on a defect, among others perhaps.
CAUGHT_BY: dict[str, tuple[str, ...]] = {
    "D002": ("FR-134", "FR-135", "FR-136"),
    "D004": ("FR-122", "FR-123", "FR-124", "FR-125", "FR-126"),
    "D011": ("FR-027", "FR-028", "FR-029", "FR-030", "FR-031", "FR-038", "FR-039", "FR-040"),
    "D013": ("FR-086",),
    "D014": ("FR-083", "FR-084", "FR-085", "FR-088", "FR-089", "FR-090"),
    "D017": ("FR-131", "FR-132", "FR-133"),
    "D018": ("FR-130",),
    "D020": ("FR-150",),
    "D021": ("FR-138", "FR-139", "FR-140", "FR-141"),
    "D024": ("FR-214", "FR-215"),
    "D026": ("FR-205", "FR-206", "FR-207", "FR-208", "FR-209"),
    "D027": ("FR-210", "FR-211", "FR-212", "FR-213"),
    "D028": ("FR-228", "FR-229"),
    "D031": ("FR-296", "FR-297", "FR-298", "FR-301"),
    "D032": ("FR-279", "FR-298", "FR-332"),
    "D033": ("FR-003", "FR-004", "FR-005", "FR-006", "FR-007", "FR-008", "FR-013", "FR-021"),
    "D035": ("FR-026",),
    "D036": ("FR-039",),
    "D038": ("FR-038", "FR-039", "FR-040", "FR-041", "FR-043"),
    "D039": ("FR-014", "FR-015", "FR-016", "FR-017", "FR-018", "FR-019", "FR-299", "FR-300"),
    "D040": ("FR-054", "FR-055"),
    "D047": ("FR-075",),
    "D049": ("FR-096",),
    "D051": ("FR-137", "FR-152", "FR-153"),
    "D053": ("FR-125", "FR-127", "FR-128"),
    "D057": ("FR-253", "FR-254", "FR-255"),
    "D066": ("FR-144",),
    "D069": ("FR-087",),
    "D071": ("FR-028", "FR-029"),
    "D074": ("FR-163", "FR-164", "FR-284", "FR-327", "FR-328", "FR-329", "FR-338", "FR-339"),
    "D075": ("FR-121", "FR-165", "FR-189", "FR-201", "FR-239", "FR-330", "FR-331", "FR-337"),
    "D076": ("FR-042", "FR-044", "FR-045", "FR-046", "FR-047", "FR-048", "FR-049", "FR-055"),
    "D077": ("FR-223", "FR-224", "FR-225", "FR-226"),
}
PAIRS = [(defect, id) for defect, ids in CAUGHT_BY.items() for id in ids]


def holds(id: str, defect: str | None) -> bool:
    bench = Bench(PROFILE, defect=defect)
    played = play(bench, VECTORS[id])
    bench.close()
    found, wanted = played.against(VECTORS[id])
    return played.works and found == wanted


@pytest.mark.parametrize(("defect", "id"), PAIRS)
def test_frame_catches_the_defect(defect: str, id: str) -> None:
    assert not holds(id, defect)
    assert holds(id, None)  # control: the frame, not the bench
