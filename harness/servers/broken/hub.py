"""Be the base of every hub that is broken on purpose."""

from collections.abc import Sequence
from typing import TypeAlias

from emulator.actions import Action
from emulator.wire.aps import Datagram
from emulator.wire.codec import Frame
from harness.hub.communications import CommunicationsHub
from harness.hub.drafts import Draft, answer_draft
from harness.hub.lies import Edit
from harness.hub.server import answers_of

Actions: TypeAlias = Sequence[Action]


class Replaced(CommunicationsHub):
    """Be a hub some of whose answers are its own."""

    def __init_subclass__(cls) -> None:
        """Give it a table of its own answers."""
        cls.answers = answers_of(cls)


class Edits(Replaced):
    """Change answers on their way out."""

    def edits(self, draft: Draft) -> Sequence[Edit]:
        """Return what is changed of one answer."""
        raise NotImplementedError

    def answer(self, frame: Frame, request: Datagram) -> Actions:
        """Send an answer, changed."""
        draft = answer_draft(frame, request)
        return self._put(draft, self.edits(draft))
