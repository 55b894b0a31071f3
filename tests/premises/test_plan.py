"""The order of a home's upgrades never makes a pair of bridges mute."""

from dataclasses import replace
from itertools import chain, combinations, permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.premises.load import load
from harness.premises.model import Premises, PremisesError
from harness.premises.plan import Candidate, Offered, Plan, Speech, Steps, Wish, plan, read_order
from tests.premises.homes import BOTH, FIRST, NEW, OLD, SECOND, c6, candidate


def test_remotes_come_first_and_near_last() -> None:
    home, every = c6(*(candidate(name, OLD, OLD) for name in load("C6").names[1:4]))
    made = plan(home, every)
    assert made.steps == (("remote_ihd",), ("remote_gsme",), ("near",))
    assert (made.refused, made.deferred, made.requires) == (None, (), {})
    assert made.reasons == (
        "remote_ihd, remote_gsme before near: their images cross near, and all behind it is dark "
        "while it restarts",
        "one remote at a time: one of them always runs what it is known to run well",
    )


def test_both_remotes_may_go_together() -> None:
    home, every = c6(*(candidate(name, OLD, BOTH) for name in load("C6").names[1:4]))
    made = plan(home, every, Wish(together=True))
    assert made.steps == (("remote_ihd", "remote_gsme"), ("near",))
    assert made.reasons[-1] == (
        "both remotes at once: they share the link, and neither waits for the other"
    )


def test_the_side_that_speaks_both_goes_first() -> None:
    near = candidate("near", OLD, BOTH)
    home, every = c6(near, candidate("remote_ihd", OLD, NEW), candidate("remote_gsme", OLD, OLD))
    made = plan(home, every)
    assert made.steps == (("remote_gsme",), ("near",), ("remote_ihd",))
    assert made.requires == {"remote_ihd": ("near",)}
    assert made.reasons == (
        "remote_gsme before near: their images cross near, and all behind it is dark while it "
        "restarts",
        "remote_ihd after near, and only when near runs its new image: else near speaks 1..1 and "
        "remote_ihd would speak 2..2: nothing in common",
    )


def test_both_remotes_may_have_to_wait_for_near() -> None:
    remotes = [candidate(name, OLD, NEW) for name in ("remote_ihd", "remote_gsme")]
    home, every = c6(candidate("near", OLD, BOTH), *remotes)
    made = plan(home, every)
    assert made.steps == (("near",), ("remote_ihd",), ("remote_gsme",))
    assert made.reasons[0].startswith("one remote at a time: ")
    assert plan(home, every, Wish(together=True)).steps == (
        ("near",),
        ("remote_ihd", "remote_gsme"),
    )


def test_near_waits_for_a_remote_that_went_back() -> None:
    remotes = [candidate(name, OLD, BOTH) for name in ("remote_ihd", "remote_gsme")]
    made = plan(*c6(candidate("near", OLD, NEW), *remotes))
    assert made.steps == (("remote_ihd",), ("remote_gsme",), ("near",))
    assert made.requires == {"near": ("remote_ihd", "remote_gsme")}


def test_a_remote_without_an_image_can_forbid_the_near_ones() -> None:
    made = plan(*c6(candidate("near", OLD, NEW), candidate("remote_gsme", OLD, BOTH)))
    assert made.steps == ()
    assert made.refused == (
        "near would speak 2..2 and remote_ihd speaks 1..1: nothing in common; wanted an image that "
        "speaks both"
    )


def test_no_order_crosses_a_gap() -> None:
    made = plan(*c6(candidate("near", OLD, NEW), candidate("remote_ihd", OLD, NEW)))
    pairs = "near speaks 1..1 and remote_ihd would speak 2..2, or near would speak 2..2 and "
    assert made.refused is not None
    assert made.refused.startswith(f"{pairs}remote_ihd speaks 1..1: nothing in common; wanted an")
    assert "remote_gsme speaks 1..1" in made.refused  # the other pair would be mute as well


def test_images_that_never_meet_are_refused() -> None:
    home = load("C1")
    pair = (candidate("near", OLD, BOTH), candidate("remote_ihd", OLD, (3, 4)))
    assert plan(home, pair).refused == (
        "near would speak 1..2 and remote_ihd would speak 3..4: nothing in common; wanted images "
        "that share a protocol"
    )


def test_a_mute_pair_is_cured_from_the_near_side() -> None:
    home = load("C1")
    pair = (candidate("near", OLD, BOTH), candidate("remote_ihd", NEW, BOTH))
    made = plan(home, pair)
    assert made.steps == (("near",), ("remote_ihd",))
    assert made.requires == {"remote_ihd": ("near",)}
    assert made.reasons == (
        "now near speaks 1..1 and remote_ihd speaks 2..2: nothing in common",
        "remote_ihd after near, and only when near runs its new image: else near speaks 1..1 and "
        "remote_ihd speaks 2..2: nothing in common",
    )


def test_a_remote_out_of_reach_gets_no_image() -> None:
    pair = (candidate("near", OLD), candidate("remote_ihd", NEW, BOTH))
    assert plan(load("C1"), pair).refused == (
        "remote_ihd cannot be reached: near speaks 1..1 and remote_ihd speaks 2..2: nothing in "
        "common; wanted an image that speaks both"
    )


def test_a_battery_without_reserve_waits_and_says_why() -> None:
    costs = {"cost_percent": 15, "reserve_percent": 10}
    low = candidate("remote_gsme", OLD, BOTH, battery_percent=24, **costs)
    home, every = c6(candidate("remote_ihd", OLD, BOTH), low)
    made = plan(home, every)
    assert made.steps == (("remote_ihd",),)
    assert made.deferred == (
        (
            "remote_gsme",
            "battery: found 24 %, wanted 25 % (15 % for upgrade and rollback, 10 % reserve)",
        ),
    )
    enough = replace(low, battery_percent=25)
    assert plan(home, (*every[:2], enough)).deferred == ()


def test_reasons_are_those_of_the_steps_that_are_left() -> None:
    low = candidate("remote_gsme", OLD, OLD, battery_percent=1, cost_percent=15)
    first, *others = (candidate(name, OLD, OLD) for name in ("near", "remote_ihd"))
    made = plan(*c6(first, *others, low))
    assert made.steps == (("remote_ihd",), ("near",))
    (reason,) = made.reasons  # not of both remotes, and not that the one has no image
    assert reason.startswith("remote_ihd before near:")
    alone = plan(*c6(low))
    assert (alone.steps, [name for name, _ in alone.deferred]) == ((), ["remote_gsme"])
    assert "no bridge has an image to take" not in alone.reasons


def test_who_needs_a_waiting_bridge_waits_too() -> None:
    low = candidate("remote_gsme", OLD, BOTH, battery_percent=1, cost_percent=15)
    made = plan(*c6(candidate("near", OLD, NEW), candidate("remote_ihd", OLD, BOTH), low))
    assert made.steps == (("remote_ihd",),)
    assert [name for name, _ in made.deferred] == ["remote_gsme", "near"]
    assert made.deferred[1][1] == "waits for remote_gsme: without its new image it would be mute"
    assert "near" not in made.requires


def test_nothing_to_do_is_no_refusal() -> None:
    assert plan(*c6()) == Plan(steps=(), reasons=("no bridge has an image to take",))
    same = Candidate(
        name="near", version=FIRST, speaks=OLD, offered=Offered(version=FIRST, speaks=NEW)
    )
    made = plan(*c6(same))
    assert (made.steps, made.refused) == ((), None)


@pytest.mark.parametrize("name", load("C6").names[1:4])
def test_one_bridge_alone_is_a_plan(name: str) -> None:
    made = plan(*c6(candidate(name, OLD, BOTH)))
    assert made.steps == ((name,),)
    assert sum("stays as it is" in reason for reason in made.reasons) == 2


class TestUsersOrder:
    """An order of the user's is judged by the same rule."""

    def test_good(self) -> None:
        home, every = c6(candidate("near", OLD, BOTH), candidate("remote_ihd", OLD, BOTH))
        made = plan(home, every, Wish(order=(("near",), ("remote_ihd",))))
        assert (made.steps, made.refused) == ((("near",), ("remote_ihd",)), None)
        assert made.reasons == ("the order is the user's, and no pair is mute in it",)

    def test_wrong(self) -> None:
        pair = (candidate("near", OLD, NEW), candidate("remote_ihd", OLD, BOTH))
        made = plan(load("C1"), pair, Wish(order=(("near",), ("remote_ihd",))))
        assert made.steps == ()
        assert made.refused == (
            "step 1 (near): near would speak 2..2 and remote_ihd speaks 1..1: nothing in common; "
            "wanted an order such as remote_ihd,near"
        )

    def test_wrong_whatever_the_order(self) -> None:
        pair = (candidate("near", OLD, NEW), candidate("remote_ihd", OLD, NEW))
        made = plan(load("C1"), pair, Wish(order=(("near",), ("remote_ihd",))))
        assert made.refused is not None
        assert made.refused.endswith("wanted an image that speaks both")

    def test_anyway(self) -> None:
        pair = (candidate("near", OLD, NEW), candidate("remote_ihd", OLD, NEW))
        order = (("near",), ("remote_ihd",))
        made = plan(load("C1"), pair, Wish(order=order, anyway=True))
        assert (made.steps, made.refused, made.requires) == (order, None, {})
        assert made.reasons == (
            "the order is the user's, and is carried out anyway",
            "step 1 (near): near would speak 2..2 and remote_ihd speaks 1..1: nothing in common",
            "step 2 (remote_ihd): remote_ihd cannot be reached: near would speak 2..2 and "
            "remote_ihd speaks 1..1: nothing in common",
        )

    def test_both_ends_of_a_pair_in_one_step(self) -> None:
        """Two that must change together cannot: one may go back when the other does not."""
        pair = (candidate("near", OLD, NEW), candidate("remote_ihd", OLD, NEW))
        refused = plan(load("C1"), pair, Wish(order=(("near", "remote_ihd"),))).refused
        assert refused is not None
        assert refused.startswith("step 1 (near+remote_ihd): near would speak 2..2 and remote_ihd ")

    @pytest.mark.parametrize(
        ("order", "found"),
        [
            ((("near",),), "near"),
            ((("near",), ("remote_ihd",), ("near",)), "near, remote_ihd, near"),
            ((("near",), ("remote_gsme",)), "near, remote_gsme"),
            ((("near",), ("cellar",)), "near, cellar"),
            ((), "nothing"),
        ],
    )
    def test_names(self, order: Steps, found: str) -> None:
        home, every = c6(candidate("near", OLD, BOTH), candidate("remote_ihd", OLD, BOTH))
        with pytest.raises(PremisesError) as caught:
            plan(home, every, Wish(order=order))
        assert str(caught.value) == f"order: found {found}, wanted near, remote_ihd"


def test_orders_are_read() -> None:
    assert read_order("remote_gsme+remote_ihd, near") == (("remote_gsme", "remote_ihd"), ("near",))


@pytest.mark.parametrize("text", ["", ",", "near,", "near++remote_ihd", "+"])
def test_a_name_that_is_missing_is_seen(text: str) -> None:
    with pytest.raises(PremisesError, match=r"^order: found .*, wanted names"):
        read_order(text)


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ((candidate("near", OLD),), "bridges: found near, wanted near, remote_ihd"),
        ((), "bridges: found nothing, wanted near, remote_ihd"),
        (
            (candidate("near", (2, 1)), candidate("remote_ihd", OLD)),
            "near: found 2..1, wanted 1 or more, the lower one first",
        ),
        (
            (candidate("near", OLD), candidate("remote_ihd", OLD, (0, 1))),
            "remote_ihd: found 0..1, wanted 1 or more, the lower one first",
        ),
    ],
)
def test_candidates_are_the_bridges_of_the_home(
    candidates: tuple[Candidate, ...], message: str
) -> None:
    with pytest.raises(PremisesError) as caught:
        plan(load("C1"), candidates)
    assert str(caught.value) == message


# What follows holds plans against a walk through every outcome, written a second time: protocols
# as sets, and every subset of a step on trial, confirmed or gone back.

SPEECHES = st.tuples(st.integers(1, 4), st.integers(0, 2)).map(lambda one: (one[0], sum(one)))
BATTERIES = st.none() | st.integers(0, 30)


@st.composite
def homes(draw: st.DrawFn, *, charged: bool = True) -> tuple[Premises, tuple[Candidate, ...]]:
    home = load(draw(st.sampled_from(["C1", "C3", "C6", "C7"])))
    return home, tuple(
        Candidate(
            name=one.name,
            version=FIRST,
            speaks=draw(SPEECHES),
            offered=draw(st.none() | SPEECHES.map(lambda it: Offered(version=SECOND, speaks=it))),
            battery_percent=None if charged else draw(BATTERIES),
            cost_percent=10,
            reserve_percent=5,
        )
        for one in home.bridges
    )


def _spoken(speech: Speech) -> set[int]:
    return set(range(speech[0], speech[1] + 1))


class Walk:
    """Go through a home's states under a plan, and keep what goes wrong."""

    def __init__(self, home: Premises, candidates: tuple[Candidate, ...]) -> None:
        self.of = {one.name: one for one in candidates}
        self.near, self.remotes = home.near.name, [one.name for one in home.remotes]

    def talking(self, new: set[str]) -> set[str]:
        """Return the remotes that the near bridge understands when these run the new image."""
        spoken = {
            name: _spoken(one.offered.speaks if one.offered and name in new else one.speaks)
            for name, one in self.of.items()
        }
        return {name for name in self.remotes if spoken[self.near] & spoken[name]}

    def breaks(self, steps: Steps, requires: dict[str, tuple[str, ...]], *, fail: bool) -> bool:
        """Tell whether a remote falls mute, or gets an image though it is out of reach."""
        return self._breaks(list(steps), set(), requires, fail=fail)

    def _breaks(
        self,
        steps: list[tuple[str, ...]],
        new: set[str],
        requires: dict[str, tuple[str, ...]],
        *,
        fail: bool,
    ) -> bool:
        if not steps:
            return False
        step = [name for name in steps[0] if new.issuperset(requires.get(name, ()))]
        if not set(step) & set(self.remotes) <= self.talking(new):
            return True
        tried = [new | set(some) for some in _subsets(step)]
        if any(not self.talking(new) <= self.talking(state) for state in tried):
            return True
        ends = tried if fail else [new | set(step)]
        return any(self._breaks(steps[1:], end, requires, fail=fail) for end in ends)


def _subsets(names: list[str]) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(names, n) for n in range(len(names) + 1)))


def _takers(candidates: tuple[Candidate, ...]) -> list[str]:
    return [one.name for one in candidates if one.offered]


@given(homes(), st.booleans())
def test_no_outcome_of_a_plan_mutes_a_pair(
    given_home: tuple[Premises, tuple[Candidate, ...]], together: bool
) -> None:
    home, candidates = given_home
    made = plan(home, candidates, Wish(together=together))
    if made.refused:
        assert made.steps == ()
        return
    assert sorted(chain.from_iterable(made.steps)) == sorted(_takers(candidates))
    assert not Walk(home, candidates).breaks(made.steps, dict(made.requires), fail=True)


@given(homes())
def test_an_order_is_found_if_there_is_one(
    given_home: tuple[Premises, tuple[Candidate, ...]],
) -> None:
    home, candidates = given_home
    walk = Walk(home, candidates)
    good = [
        order
        for order in permutations((name,) for name in _takers(candidates))
        if not walk.breaks(order, {}, fail=False)
    ]
    assert (plan(home, candidates).refused is None) == bool(good)


@given(homes(), st.data())
def test_a_users_order_is_judged_as_the_walk_judges(
    given_home: tuple[Premises, tuple[Candidate, ...]], data: st.DataObject
) -> None:
    home, candidates = given_home
    names = data.draw(st.permutations(_takers(candidates)))
    cuts = data.draw(st.lists(st.booleans(), min_size=len(names), max_size=len(names)))
    order: list[tuple[str, ...]] = []
    for name, alone in zip(names, cuts, strict=True):
        order = [*order, (name,)] if alone or not order else [*order[:-1], (*order[-1], name)]
    walk = Walk(home, candidates)
    made = plan(home, candidates, Wish(order=tuple(order)))
    assert (made.refused is not None) == walk.breaks(tuple(order), {}, fail=False)
    if made.refused is None:
        assert not walk.breaks(made.steps, dict(made.requires), fail=True)


@given(homes())
def test_nobody_is_left_out_without_need(
    given_home: tuple[Premises, tuple[Candidate, ...]],
) -> None:
    """Each bridge that a plan requires is one without which the step itself would break."""
    home, candidates = given_home
    made = plan(home, candidates)
    for name, needs in made.requires.items():
        place = [name in step for step in made.steps].index(True)
        for each in needs:
            assert each in chain.from_iterable(made.steps[:place])
            pair = Walk(home, candidates)
            pair.remotes = [remote for remote in pair.remotes if remote in (name, each)]
            assert pair.breaks(((name,),), {}, fail=False)


@given(homes(charged=False))
def test_a_bridge_short_of_charge_is_in_no_step(
    given_home: tuple[Premises, tuple[Candidate, ...]],
) -> None:
    home, candidates = given_home
    made = plan(home, candidates)
    short = {
        one.name
        for one in candidates
        if one.offered and one.battery_percent is not None and one.battery_percent < 15
    }
    taken = set(chain.from_iterable(made.steps))
    waiting = {name for name, _ in made.deferred}
    if made.refused is None:
        assert short <= waiting
        assert taken | waiting == set(_takers(candidates))
        assert not taken & waiting
        assert not Walk(home, candidates).breaks(made.steps, dict(made.requires), fail=True)


def test_the_walk_sees_what_it_should() -> None:
    """The judge of the properties finds a pair that a plan without its rule would mute."""
    home, every = c6(candidate("near", OLD, NEW), candidate("remote_ihd", OLD, BOTH))
    walk = Walk(home, every)
    assert walk.breaks((("remote_ihd",), ("near",)), {}, fail=False)  # remote_gsme falls mute
    pair = Walk(load("C1"), (candidate("near", OLD, NEW), candidate("remote_ihd", OLD, BOTH)))
    assert not pair.breaks((("remote_ihd",), ("near",)), {}, fail=False)
    assert pair.breaks((("remote_ihd",), ("near",)), {}, fail=True)
    assert not pair.breaks((("remote_ihd",), ("near",)), {"near": ("remote_ihd",)}, fail=True)


@pytest.mark.parametrize(("near", "remote"), list(product([OLD, BOTH, NEW], repeat=2)), ids=str)
def test_every_pair_of_old_and_next_has_its_verdict(near: Speech, remote: Speech) -> None:
    """From 1..1 on both sides, only two ends that both left the old protocol have no way there."""
    pair = (candidate("near", OLD, near), candidate("remote_ihd", OLD, remote))
    apart = {OLD, NEW} == {near, remote} or near == remote == NEW
    assert (plan(load("C1"), pair).refused is not None) == apart
