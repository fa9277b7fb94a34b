"""The cell probe by mechanism: which of them the model's cells tell, and which the baseline's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phenovae.report.content import Record, ReportContent
from phenovae.report.facts import listed, mapping, percent, plural
from phenovae.report.tables import PROBE, Table
from phenovae.report.words import INTENSITY, MODEL


@dataclass(frozen=True)
class Recall:
    """The probe by mechanism: a headline, the table, and who was not asked."""

    headline: str
    table: Table
    alone: str


def probe_recall(content: ReportContent) -> Recall | None:
    """Recall of every mechanism by the features that were probed, best of the model first.

    None where no probe of the model was scored. Cells and compounds are told where the profiles
    rest on just the cells that were probed.
    """
    probed = {
        str(record["features"]): record
        for record in content.records
        if record["metric"] == PROBE and mapping(record.get("recall"))
    }
    if MODEL not in probed:
        return None
    order = [MODEL, *(name for name in probed if name != MODEL)]
    shares = {name: mapping(probed[name]["recall"]) for name in order}
    mechanisms = sorted(shares[MODEL], key=lambda name: (-_share(shares[MODEL], name), name))
    behind = _behind(content, probed[MODEL])
    rows = [
        (
            name,
            *(_shown(shares[features], name) for features in order),
            *(behind[name] if behind else ()),
        )
        for name in mechanisms
    ]
    columns = ("mechanism", *order, *(("compounds", f"{content.unit}s") if behind else ()))
    chance = probed[MODEL].get("chance")
    luck = f"; by chance {percent(chance)}" if isinstance(chance, int | float) else ""
    return Recall(
        _headline(shares, mechanisms),
        Table(
            f"{content.unit.capitalize()}s whose mechanism the cell probe tells right, of all "
            f"{content.unit}s of that mechanism{luck}. Few compounds stand behind a mechanism, so "
            "small differences say little.",
            tuple(name.replace("_", " ") for name in columns),
            rows,
            frozenset(range(1, len(columns))),
        ),
        _alone([str(name) for name in listed(probed[MODEL].get("unscorable"))], content.unit),
    )


def _headline(shares: Mapping[str, Mapping[str, object]], mechanisms: Sequence[str]) -> str:
    count = plural(len(mechanisms), "mechanism")
    if INTENSITY not in shares:
        return f"Cell probe by mechanism: {count}"
    ahead = sum(
        _share(shares[MODEL], name) > _share(shares[INTENSITY], name) for name in mechanisms
    )
    return f"Cell probe by mechanism: the model is ahead of intensity in {ahead} of {count}"


def _alone(names: Sequence[str], unit: str) -> str:
    if not names:
        return ""
    return (
        f"Not asked, because a single compound stands for each, and a {unit} of it could only be "
        f"told by that compound itself: {', '.join(names)}."
    )


def _behind(content: ReportContent, record: Record) -> dict[str, tuple[str, str]] | None:
    """Compounds and cells of every mechanism, as text."""
    profiles = content.profiles
    if not len(profiles):
        return None
    here = profiles.loc[profiles["Profile_Protocol"] == profiles["Profile_Protocol"].iloc[0]]
    groups = here.groupby("Metadata_MoA")
    cells, compounds = groups["Profile_Cells"].sum(), groups["Metadata_Compound"].nunique()
    if int(cells.sum()) != record.get("cells") or set(mapping(record["recall"])) - set(cells.index):
        return None
    return {
        str(name): (f"{count:,}", f"{number:,}")
        for name, count, number in zip(cells.index, compounds, cells, strict=True)
    }


def _share(shares: Mapping[str, object], name: str) -> float:
    value = shares.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _shown(shares: Mapping[str, object], name: str) -> str:
    value = shares.get(name)
    return percent(value) if isinstance(value, int | float) else ""
