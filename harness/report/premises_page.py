"""Write what became of a home as one page: it opens without a network, and reads without colour."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from harness.premises.outcome import (
    BridgeState,
    HomeState,
    Outcome,
    StageKind,
    remarks,
    shown_span,
)
from harness.report.characters import clean
from harness.report.environment import environment
from harness.report.premises_chart import BAR, lay_out, stretches
from harness.report.provenance import PRODUCT, product_version

#: What each state of a home means, and the colour that says it again.
_SENTENCES: Mapping[HomeState, tuple[str, str]] = {
    HomeState.CONFIRMED: ("Every bridge that was offered an image keeps it.", "passed"),
    HomeState.PARTIAL: ("Some bridges keep their new image, others do not.", "failed"),
    HomeState.BACK: ("No bridge keeps its new image; all run what they ran before.", "failed"),
    HomeState.DEFERRED: ("No bridge took an image: charge is wanting.", "inconclusive"),
    HomeState.REFUSED: ("No bridge took an image: it was refused.", "failed"),
    HomeState.STRANDED: ("A bridge cannot be reached any more: a site visit.", "failed"),
    HomeState.INTERRUPTED: ("Somebody stopped it: this is how things stood.", "inconclusive"),
}
_SIGNS: Mapping[BridgeState, tuple[str, str]] = {
    BridgeState.CONFIRMED: ("✓", "passed"),
    BridgeState.BACK: ("↩", "failed"),
    BridgeState.UNCHANGED: ("·", "none"),
    BridgeState.DEFERRED: ("…", "inconclusive"),
    BridgeState.TRIAL: ("?", "inconclusive"),
    BridgeState.ASTRAY: ("!", "error"),
    BridgeState.UNREACHABLE: ("✗", "failed"),
    BridgeState.DEAD: ("✗", "failed"),
}
_MEANINGS: Mapping[StageKind, str] = {
    StageKind.UP: "works as it should",
    StageKind.DOWNLOADING: "fetches its image, and works",
    StageKind.WAITING: "holds a good image, and works",
    StageKind.REBOOTING: "restarts; what is behind it is dark",
    StageKind.TRIAL: "runs its new image, which it may yet undo",
    StageKind.DARK: "the way to the hub is cut, or for a device: nobody answered it",
    StageKind.OFF: "has no supply",
}
#: What is drawn on the ground of each pattern, 8 by 8 pixels: a stage reads without its colour.
_SHAPES: Mapping[StageKind, str] = {
    StageKind.UP: "",
    StageKind.DOWNLOADING: '<path class="mark" d="M-2 6L2 10M-2 -2L10 10M6 -2L10 2"/>',
    StageKind.WAITING: '<circle class="mark" cx="4" cy="4" r="1.6"/>',
    StageKind.REBOOTING: '<path class="mark" d="M0 0L8 8M8 0L0 8"/>',
    StageKind.TRIAL: '<path class="mark" d="M2 0V8M6 0V8"/>',
    StageKind.DARK: '<path class="mark" d="M0 4H8"/>',
    StageKind.OFF: "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Say what was run, so that it can be run again.

    Args:
        command: What the user typed.
        images: What is to be said of each image, by bridge.
        faults: What failed, as text.
        defects: What was planted, as text.
    """

    command: tuple[str, ...]
    images: Mapping[str, str]
    faults: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()


def page(outcome: Outcome, setting: Setting) -> str:
    """Return the page of a home."""
    sentence, banner = _SENTENCES[outcome.state]
    text = (
        environment()
        .get_template("premises.html")
        .render(
            outcome=outcome,
            setting=setting,
            sentence=sentence,
            banner=banner,
            signs={state: sign for state, (sign, _) in _SIGNS.items()},
            styles={state: style for state, (_, style) in _SIGNS.items()},
            meanings=_MEANINGS,
            shapes=_SHAPES,
            remarks=remarks(outcome),
            chart=lay_out(outcome),
            stretches=tuple(stretches(outcome).values()),
            bar=BAR,
            span=shown_span,
            version=_version,
            command=shlex.join(setting.command),
            product=f"{PRODUCT} {product_version()}",
        )
    )
    return clean(text)


def _version(version: int | None) -> str:
    return "no answer" if version is None else f"0x{version:08X}"
