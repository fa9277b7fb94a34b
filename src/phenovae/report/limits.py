"""What a run could not do, declared where nobody can miss it."""

from __future__ import annotations

from phenovae.evaluate.protocol import FIT_ALL
from phenovae.report.content import ReportContent
from phenovae.report.facts import plural

_LIGHT = "illuminate"


def limit_sentences(content: ReportContent) -> list[str]:
    """What was not possible, or was done otherwise for want of something: a sentence for each."""
    return [
        *_left_out(content),
        *_of_fields(content),
        *_of_controls(content),
        *_of_batches(content),
        *_of_light(content),
    ]


def _left_out(content: ReportContent) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for stage, reason in content.skipped.items():
        if stage != _LIGHT:
            by_reason.setdefault(reason, []).append(stage)
    return [f"Not done: {_and(stages)}; {why}." for why, stages in by_reason.items()]


def _of_fields(content: ReportContent) -> list[str]:
    told = content.fields
    if told is None:
        return []
    said = []
    if len(told.errors):
        said.append(
            f"{len(told.errors):,} of {plural(told.found, 'field')} with images could not be used; "
            "each is listed with its reason under Fields."
        )
    if told.tiles:
        said.append(
            "Nuclei were not told apart: fields were cut into tiles side by side, and wherever a "
            "number counts cells in other runs, it counts tiles here."
        )
    if told.layout == "positions":
        said.append("Nuclei were not looked for: cells lie where they were found elsewhere.")
    return said


def _of_controls(content: ReportContent) -> list[str]:
    names = list(
        dict.fromkeys(
            str(record["protocol"])
            for record in content.records
            if str(record["protocol"]).endswith(FIT_ALL)
        )
    )
    without = content.design.get("negative_control_wells") == 0
    if not names:
        return ["The screen has no negative controls."] if without else []
    why = "The screen has no negative controls: t" if without else "As the configuration asks, t"
    return [
        f"{why}ransforms of profiles{' and the scales of plates' if without else ''} were fitted "
        f"on all wells. The scores of {_and(names)} are another quantity than those of protocols "
        f"without “{FIT_ALL}”, and do not belong in one column with them."
    ]


def _of_batches(content: ReportContent) -> list[str]:
    if content.design.get("batches") != 1:
        return []
    return [
        "All plates are of one batch: NSCB, which asks for neighbours of other batches, is not "
        "possible."
    ]


def _of_light(content: ReportContent) -> list[str]:
    if _LIGHT in content.skipped:
        return [f"Uneven light was not corrected: {content.skipped[_LIGHT]}."]
    light = content.fields.light if content.fields is not None else None
    if light is None or not len(light.table):
        return []
    return [
        f"The light was {what} for {count:,} of "
        f"{plural(len(light.table), 'channel of a plate', 'channels of plates')}; the reasons are "
        "under Fields."
        for what, column in (
            ("told from the whole batch", "Light_Lent"),
            ("taken as even", "Light_Fallback"),
        )
        if (count := int((light.table[column] != "").sum()))
    ]


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
