"""The map of treatments: points to look into, marked by whatever the reader chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.ticker import MaxNLocator

from phenovae.figures.colours import in_order, mark_numbers
from phenovae.report.anchors import Anchors
from phenovae.report.marks import NOT_SCORED, STATES
from phenovae.report.verdicts import Verdict
from phenovae.screen.design import treatment_text

WIDTH, HEIGHT = 680, 470
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 10, 10, 46
_MARGIN = 0.06
_WORDS = {"right": "right", "wrong": "wrong", "tied": "tied with a wrong one"}


@dataclass(frozen=True)
class KeyEntry:
    """A group of points: its name, colour and shape by number, and how many points it has."""

    name: str
    colour: int
    shape: int
    count: int


@dataclass(frozen=True)
class Colouring:
    """One way to mark the points."""

    name: str
    key: Sequence[KeyEntry]


@dataclass(frozen=True)
class Point:
    """A treatment's place [px], where its name leads, and its colour and shape in every colouring.

    `lines` say in words what is known of it; `neighbour` is the number of its nearest neighbour.
    """

    x: float
    y: float
    anchor: str
    state: str
    lines: Sequence[str]
    marks: Sequence[tuple[int, int]]
    neighbour: int | None

    @property
    def title(self) -> str:
        """All that is known of it, on one line."""
        return "; ".join(self.lines)


@dataclass(frozen=True)
class Tick:
    """A tick [px] with its number."""

    at: float
    text: str


@dataclass(frozen=True)
class TreatmentMap:
    """Points and axes of a map, in px of its own; `ident` is its own among those of a page."""

    ident: str
    label: str
    caption: str
    points: Sequence[Point]
    colourings: Sequence[Colouring]
    axes: tuple[str, str]
    across: Sequence[Tick]
    up: Sequence[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


@dataclass(frozen=True)
class Marked:
    """Treatments with what their points show, apart from where they stand."""

    colourings: Sequence[Colouring]
    marks: Sequence[Sequence[tuple[int, int]]]
    lines: Sequence[Sequence[str]]
    anchors: Sequence[str]
    states: Sequence[str]
    neighbours: Sequence[int | None]


def mark_treatments(
    profiles: pd.DataFrame, verdicts: Mapping[str, Verdict], metric: str, anchors: Anchors
) -> Marked:
    """What the points of these profiles show; `verdicts` by the name of the treatment."""
    compounds = [str(each) for each in profiles["Metadata_Compound"]]
    names = [
        treatment_text(compound, float(dose))
        for compound, dose in zip(compounds, profiles["Metadata_Concentration"], strict=True)
    ]
    states = [verdicts[name].state if name in verdicts else NOT_SCORED for name in names]
    mechanisms = [_named(each) for each in profiles["Metadata_MoA"]]
    batches = [_batch(each) for each in profiles["Metadata_Batch"]]
    colourings, marks = [], []
    for what, groups in (
        ("mechanism", mechanisms),
        ("compound", compounds),
        ("batch", batches),
        (f"verdict ({metric})", states),
    ):
        numbers = STATES if groups is states else mark_numbers(groups)
        order = (
            [each for each in STATES if each in states] if groups is states else in_order(groups)
        )
        colourings.append(
            Colouring(what, [KeyEntry(n, *numbers[n], groups.count(n)) for n in order])
        )
        marks.append([numbers[name] for name in groups])
    places = {name: number for number, name in enumerate(names)}
    return Marked(
        colourings=colourings,
        marks=list(zip(*marks, strict=True)),
        lines=[
            _lines(name, mechanism, verdicts.get(name), metric)
            for name, mechanism in zip(names, mechanisms, strict=True)
        ],
        anchors=[anchors.of_treatment(name) for name in names],
        states=states,
        neighbours=[
            places.get(verdicts[name].neighbour) if name in verdicts else None for name in names
        ],
    )


def draw_map(
    plane: npt.NDArray[np.float64],
    marked: Marked,
    axes: tuple[str, str],
    words: tuple[str, str, str],
    *,
    distances: bool = True,
) -> TreatmentMap:
    """The map of points (n, 2); `words` are its id, its label and its caption.

    Where `distances` mean something both axes have the same scale and numbers; else they have none.
    """
    spans = np.maximum(np.ptp(plane, axis=0), 1e-9) * (1 + 2 * _MARGIN)
    middle = (plane.max(axis=0) + plane.min(axis=0)) / 2
    room = np.array([WIDTH - _RIGHT - _LEFT, HEIGHT - _BOTTOM - _TOP], dtype=np.float64)
    scale = room / spans
    if distances:
        scale[:] = scale.min()
    centre = np.array([_LEFT, _TOP]) + room / 2
    placed = centre + (plane - middle) * scale * np.array([1.0, -1.0])
    low, high = middle - room / scale / 2, middle + room / scale / 2
    across, up = (
        _ticks(float(low[axis]), float(high[axis])) if distances else [] for axis in (0, 1)
    )
    ident, label, caption = words
    return TreatmentMap(
        ident,
        label,
        caption,
        [
            Point(
                round(float(x), 1),
                round(float(y), 1),
                marked.anchors[number],
                marked.states[number].replace(" ", "-"),
                marked.lines[number],
                marked.marks[number],
                marked.neighbours[number],
            )
            for number, (x, y) in enumerate(placed)
        ],
        marked.colourings,
        axes,
        [Tick(round(float(centre[0] + (v - middle[0]) * scale[0]), 1), t) for v, t in across],
        [Tick(round(float(centre[1] - (v - middle[1]) * scale[1]), 1), t) for v, t in up],
    )


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    values = [float(v) for v in MaxNLocator(6).tick_values(low, high) if low <= v <= high]
    step = values[1] - values[0] if len(values) > 1 else 1.0
    digits = max(0, int(np.ceil(-np.log10(step) - 1e-9)) + (1 if _half(step) else 0))
    return [(value, f"{value + 0.0:.{digits}f}".replace("-", "−")) for value in values]


def _half(step: float) -> bool:
    """Whether a step such as 0.25 needs a digit more than its size."""
    lead = float(step / 10 ** np.floor(np.log10(step)))
    return abs(lead - round(lead)) > 1e-6


def _lines(name: str, mechanism: str, verdict: Verdict | None, metric: str) -> list[str]:
    said = [name, mechanism]
    if verdict is None:
        return [*said, "not scored"]
    said.append(f"nearest: {verdict.neighbour} ({_number(verdict.likeness)})")
    said.append(f"{verdict.predicted}: {_WORDS[verdict.state]} ({metric})")
    ranking = verdict.ranking
    if verdict.state == "wrong" and ranking is not None and ranking.first_right is not None:
        said.append(f"first right one: {ranking.first_right.treatment}, number {ranking.rank}")
    return said


def _number(likeness: float) -> str:
    return f"{likeness:.3f}".replace("-", "−")


def _named(value: object) -> str:
    text = str(value).strip() if isinstance(value, str) else ""
    return text or "unknown"


def _batch(value: object) -> str:
    return "several" if "|" in str(value) else _named(value)
