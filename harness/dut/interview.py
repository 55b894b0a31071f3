"""Ask a device what it is, over the air, and write a first DUT file from its answers.

What cannot be asked (timers, what it does with odd frames) stays as the base profile has it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emulator.profiles.load import overlay
from emulator.profiles.model import Profile
from emulator.wire import ota, zdo
from emulator.wire.aps import ApsOptions
from emulator.wire.ota import Attribute
from harness.bench import Bench
from harness.dut.model import Rung
from harness.inquiry import Answer
from harness.support import implied

#: Bit of the MAC capability: the receiver is on when idle.
_LISTENS = 0x08
_ATTRIBUTES = (
    Attribute.CURRENT_FILE_VERSION,
    Attribute.FILE_OFFSET,
    Attribute.MANUFACTURER_ID,
    Attribute.IMAGE_TYPE_ID,
    Attribute.CURRENT_ZIGBEE_STACK_VERSION,
    Attribute.MINIMUM_BLOCK_PERIOD,
    Attribute.UPGRADE_ACTIVATION_POLICY,
    Attribute.UPGRADE_TIMEOUT_POLICY,
    Attribute.CLUSTER_REVISION,
)
#: The profile key that an attribute says.
_KEYS = {
    Attribute.CURRENT_ZIGBEE_STACK_VERSION: "ota.stack_version",
    Attribute.UPGRADE_ACTIVATION_POLICY: "ota.activation_policy",
    Attribute.UPGRADE_TIMEOUT_POLICY: "ota.timeout_policy",
    Attribute.CLUSTER_REVISION: "ota.cluster_revision",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interview:
    """Hold what a device said.

    Args:
        version: What it runs; None: it does not say.
        facts: Profile keys and the values that the device has.
        states: PICS items that its answers settle.
        silent: Questions that it did not answer.
    """

    version: int | None
    facts: Mapping[str, int | bool]
    states: Mapping[str, bool]
    silent: tuple[str, ...]


def interview(bench: Bench) -> Interview:
    """Ask the device of a bench that has started."""
    facts: dict[str, int | bool] = {}
    silent: list[str] = []
    answers = _attributes(bench)
    if not answers:
        silent.append("read attributes of the OTA cluster")
    for attribute, key in _KEYS.items():
        if (value := _number(answers, attribute)) is not None:
            facts[key] = value
    if answers and _number(answers, Attribute.MINIMUM_BLOCK_PERIOD) is None:
        facts["ota.block_sends_period"] = False  # it has no attribute that it could send
    facts |= _of_queries(bench)
    if "ota.manufacturer_code" not in facts:
        silent.append("query next image")
    described = _of_descriptors(bench)
    if not described:
        silent.append("descriptors of ZDO")
    states = {
        "OTA.CLIENT.FILE_OFFSET": _number(answers, Attribute.FILE_OFFSET) is not None,
        "OTA.CLIENT.PERIOD": _number(answers, Attribute.MINIMUM_BLOCK_PERIOD) is not None,
        "OTA.CLIENT.TIMEOUT_POLICY": _number(answers, Attribute.UPGRADE_TIMEOUT_POLICY) is not None,
    }
    node = bench.ask(
        zdo.NodeDescriptorRequest(sequence=1, address=bench.address), zdo.NodeDescriptorResponse
    )
    if node is not None and node.capability is not None:
        states["OTA.CLIENT.SLEEPY"] = not int(node.capability) & _LISTENS
    return Interview(
        version=_number(answers, Attribute.CURRENT_FILE_VERSION),
        facts={**facts, **described},
        states=states if answers else {},
        silent=tuple(silent),
    )


def _attributes(bench: Bench) -> dict[Attribute, Answer]:
    """Read them one by one: a device may refuse to answer for several at once."""
    made = {}
    for attribute in _ATTRIBUTES:
        answers = bench.read(attribute)
        if answers:
            made[attribute] = answers[0]
    return made


def _number(answers: Mapping[Attribute, Answer], attribute: Attribute) -> int | None:
    answer = answers.get(attribute)
    return answer.value if answer is not None and isinstance(answer.value, int) else None


def _of_queries(bench: Bench) -> dict[str, int | bool]:
    """Return what a query for an image says of the device."""
    if not bench.count(ota.QueryNextImageRequest):
        bench.provoke(ota.QueryNextImageRequest, bench.notify)
    if not bench.count(ota.QueryNextImageRequest):
        return {}
    query = bench.last(ota.QueryNextImageRequest)
    datagram = bench.last_datagram(ota.QueryNextImageRequest)
    made: dict[str, int | bool] = {
        "ota.manufacturer_code": query.manufacturer,
        "ota.image_type": query.image_type,
        "ota.query_sends_hardware_version": query.hardware_version is not None,
        "ota.endpoint": datagram.source_endpoint,
        "ota.zigbee_profile": datagram.profile,
        "ota.aps_encrypt": bool(datagram.options & ApsOptions.ENCRYPT),
    }
    if query.hardware_version is not None:
        made["ota.hardware_version"] = query.hardware_version
    return made


def _of_descriptors(bench: Bench) -> dict[str, int | bool]:
    """Return what the simple descriptor says that has the OTA cluster as output cluster."""
    address = bench.address
    active = bench.ask(
        zdo.ActiveEndpointsRequest(sequence=2, address=address), zdo.ActiveEndpointsResponse
    )
    for number, endpoint in enumerate((active.endpoints or ()) if active else (), 3):
        simple = bench.ask(
            zdo.SimpleDescriptorRequest(sequence=number, address=address, endpoint=endpoint),
            zdo.SimpleDescriptorResponse,
        )
        if simple is None or not simple.descriptor:
            continue
        descriptor, _ = zdo.SimpleDescriptor.decode(simple.descriptor)
        if ota.CLUSTER in descriptor.output_clusters:
            return {
                "ota.endpoint": endpoint,
                "ota.zigbee_profile": descriptor.profile,
                "ota.device_id": descriptor.device,
            }
    return {}


def as_file(
    found: Interview, base: Profile, *, given: str, name: str, eui64: int, rungs: Sequence[Rung]
) -> str:
    """Return the text of a first DUT file.

    Args:
        found: What the device said.
        base: The profile that it is compared with.
        given: How the base was named.
        name: Of the device.
        eui64: Of the device.
        rungs: Its firmware files; none: the ladder is left to be filled in.
    """
    differ = {key: value for key, value in found.facts.items() if _held(base, key) != value}
    lines = [
        "# Written by hanover dut init: what the device said of itself. docs/guides/dut.md has",
        "# every key; timers and switches that cannot be asked are those of the base.",
        f"name = {_quoted(name)}",
        f"base = {_quoted(given)}",
        f'eui64 = "{eui64:016x}"',
        "",
        "[profile]",
        *(f"{key} = {_shown(key, value)}" for key, value in differ.items()),
        "",
        "[states]",
        *_statements(found, base),
        "",
        "[ladder]",
        '# "downgrade" (and "down" in steps) if it takes older images; or "cmd:PROGRAM {file}"',
        'restore = "ladder"',
        'steps = ["up", "skip"]',
    ]
    lines += ["", *_ladder(rungs, found.version)]
    return "\n".join(lines) + "\n"


def unlike(found: Interview, base: Profile) -> tuple[str, ...]:
    """Return the PICS items that a device answers otherwise than its base: another base is needed.

    Args:
        found: What the device said.
        base: The profile that its file would start from.
    """
    own = implied(overlay(base, found.facts))
    return tuple(item for item, said in found.states.items() if own.get(item, said) is not said)


def _statements(found: Interview, base: Profile) -> list[str]:
    """Return the lines of what the device states; one that the base denies is for a person."""
    wrong = unlike(found, base)
    return [
        f'{"# the base is not so: " if item in wrong else ""}"{item}" = {str(said).lower()}'
        for item, said in found.states.items()
    ]


def _ladder(rungs: Sequence[Rung], version: int | None) -> list[str]:
    runs = "" if version is None else f" It runs {version:#010x} now."
    if not rungs:
        made = [f"# Firmware files, the lowest version first.{runs}"]
        return [*made, "# [[ladder.version]]", '# file = "firmware.ota"']
    made = [f"#{runs}"] if runs else []
    for rung in rungs:
        made += [
            "[[ladder.version]]",
            f"file = {_quoted(rung.file)}",
            f"version = {rung.version:#010x}",
        ]
    return made


def _quoted(text: str) -> str:
    """Return a text as TOML has it, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _held(profile: Profile, key: str) -> object:
    table, _, name = key.partition(".")
    return getattr(getattr(profile, table), name)


def _shown(key: str, value: int | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    hexadecimal = key not in ("ota.endpoint", "ota.cluster_revision") and "policy" not in key
    return f"{value:#06x}" if hexadecimal else str(value)
