"""No case about a server's answers passes where there are none, or where all of them are no."""

from collections.abc import Callable, Sequence

import pytest

from emulator.actions import Action
from emulator.units import Us
from emulator.wire import ota
from emulator.wire.aps import Datagram
from emulator.wire.ota import Status
from harness.runner import run_suite
from harness.servers.broken.hub import Replaced
from harness.suite import SERVER_CASES, RunOptions, built_in
from harness.verdict import Outcome

#: What judges no answer: whom a trust centre lets in, and what is sent without being asked.
UNASKED = {
    "gb_admission::unlisted_device_is_refused",
    "gb_admission::window_closes",
    "server_notices::broadcast_notify_wants_no_default_response",
}
#: What a server says that finds itself well, whatever else it does.
DISCOVERY = {
    "server_discovery::match_descriptor_is_answered/broadcast",
    "server_discovery::match_descriptor_is_answered/unicast",
}


class Mute(Replaced):
    """Be on the network, and answer nothing."""

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Hear nothing."""
        return ()


def refusing(status: Status) -> type[Replaced]:
    """Return a hub that answers all that looks like a request with one Default Response."""

    class Refusing(Replaced):
        def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
            if datagram.cluster != ota.CLUSTER:
                return super().receive(datagram, now)
            if len(datagram.payload) < 3:
                return ()
            return self.default_response(datagram, status)

    return Refusing


def verdicts(hub: type[Replaced], monkeypatch: pytest.MonkeyPatch) -> dict[str, Outcome]:
    """Run every server case on one hub, before one kind of client."""
    chosen: Callable[[str | None], type[Replaced]] = lambda _: hub  # noqa: E731
    monkeypatch.setattr("harness.lanes.servers.hub_of", chosen)
    found = run_suite(RunOptions(cases=SERVER_CASES, profiles=built_in()[:1]))
    return {one.case: one.verdict for one in found.results}


def test_every_case_fails_on_a_mute_server(monkeypatch: pytest.MonkeyPatch) -> None:
    found = verdicts(Mute, monkeypatch)
    assert len(found) > 80
    assert {case for case, one in found.items() if one is not Outcome.FAILED} == UNASKED
    assert {found[case] for case in UNASKED} == {Outcome.PASSED}


@pytest.mark.parametrize(
    "status", [Status.SUCCESS, Status.ABORT, Status.UNSUP_COMMAND, Status.MALFORMED_COMMAND]
)
def test_every_case_fails_on_a_server_that_serves_nothing(
    status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = verdicts(refusing(status), monkeypatch)
    passed = {case for case, one in found.items() if one is not Outcome.FAILED}
    assert passed == UNASKED | DISCOVERY
