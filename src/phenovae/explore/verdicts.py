"""What scoring said of each treatment, and why: its nearest neighbours and its best partner."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError, PhenovaeError
from phenovae.base.tables import empty_table, read_table
from phenovae.evaluate.batches import batch_sets
from phenovae.evaluate.neighbours import similarities
from phenovae.evaluate.protocol import Protocol, load_protocol
from phenovae.evaluate.scores import METRICS
from phenovae.evaluate.unannotated import UNANNOTATED
from phenovae.explore.opening import OpenedRun
from phenovae.explore.packing import Json
from phenovae.pipeline import paths
from phenovae.pipeline.stages.evaluate import NEIGHBOURS, PROFILES
from phenovae.pipeline.stages.features import MODEL
from phenovae.screen.design import treatment_text
from phenovae.screen.partners import eligible, scorable
from phenovae.screen.sites import Role

Matrix = npt.NDArray[np.float64]

NEAREST = 5
RIGHT, TIED, WRONG, UNSCORED = "right", "tied", "wrong", "not scored"
UNKNOWN = "not known"


@dataclass(frozen=True)
class Ranking:
    """How alike the profiles of one protocol are: `like` (n, n), `allowed` (n, n) as neighbours."""

    names: list[str]
    mechanisms: list[str]
    like: npt.NDArray[np.float64]
    allowed: npt.NDArray[np.bool_]

    def told(self, treatment: str) -> Json:
        """The nearest allowed neighbours of a treatment, and where its best partner stands."""
        if treatment not in self.names:
            return {}
        query = self.names.index(treatment)
        there = np.flatnonzero(self.allowed[query])
        order = there[np.argsort(-self.like[query, there], kind="stable")]
        mine = self.mechanisms[query]
        listed = [self._row(query, int(each), rank + 1) for rank, each in enumerate(order)]
        partner = next((row for row in listed if row["moa"] == mine), None)
        return {"nearest": listed[:NEAREST], "partner": partner, "candidates": len(listed)}

    def _row(self, query: int, other: int, rank: int) -> Json:
        return {
            "treatment": self.names[other],
            "moa": self.mechanisms[other],
            "similarity": float(self.like[query, other]),
            "rank": rank,
        }


@dataclass(frozen=True)
class Verdicts:
    """Verdicts by scoring (`cells-mean@1 NSC`); `missing` says why there are none."""

    rows: dict[str, pd.DataFrame]
    profiles: pd.DataFrame
    wells: pd.DataFrame
    protocols: dict[str, Protocol]
    missing: str = ""
    unannotated: pd.DataFrame = field(default_factory=lambda: empty_table(UNANNOTATED))
    _rankings: dict[str, Ranking] = field(default_factory=dict)

    @property
    def scorings(self) -> list[str]:
        """Protocols and metrics that were scored, in order."""
        return list(self.rows)

    def column(self, scoring: str, treatments: list[str]) -> list[str]:
        """The verdict on each of these treatments in a word.

        Raises InputError where nothing was scored by that name.
        """
        if scoring not in self.rows:
            raise InputError(f"there is no scoring {scoring!r}")
        right = self.rows[scoring]["Right"]
        known = dict(zip(self.rows[scoring]["Treatment"], right, strict=True))
        return [_word(known.get(name)) for name in treatments]

    def told(self, treatment: str) -> list[Json]:
        """Every scoring of one treatment, with the neighbours that decided it.

        Of one whose mechanism is not known, what it is most like by every protocol.
        """
        return self._unknown(treatment) or [self._told(each, treatment) for each in self.rows]

    def _unknown(self, treatment: str) -> list[Json]:
        here = self.unannotated.loc[self.unannotated["Treatment"] == treatment]
        found: list[Json] = []
        for label, rows in here.groupby("Protocol", sort=False):
            nearest = [
                {
                    "treatment": row["Neighbour"],
                    "moa": row["Neighbour_MoA"],
                    "similarity": row["Similarity"],
                    "rank": row["Rank"],
                }
                for row in rows.sort_values("Rank").to_dict("records")
            ]
            found.append(
                {"scoring": label, "verdict": UNKNOWN, "nearest": nearest, "partner": None}
            )
        return found

    def _told(self, scoring: str, treatment: str) -> Json:
        rows = self.rows[scoring]
        here = rows.loc[rows["Treatment"] == treatment]
        known: Json = {"scoring": scoring, **self._ranking(scoring).told(treatment)}
        if not len(here):
            return {**known, "verdict": UNSCORED}
        row = here.iloc[0]
        return {
            **known,
            "verdict": _word(float(row["Right"])),
            "neighbour": str(row["Neighbour"]),
            "predicted": str(row["Predicted"]),
            "similarity": float(row["Similarity"]),
            "runner_up": _finite(row["Runner_up"]),
            "margin": _finite(row["Margin"]),
            "partners": int(row["Partners"]),
        }

    def _ranking(self, scoring: str) -> Ranking:
        found = self._rankings.get(scoring)
        if found is None:
            label, _, metric = scoring.rpartition(" ")
            found = _ranked(self.profiles, self.wells, label, metric, self.protocols.get(label))
            self._rankings[scoring] = found
        return found


def read_verdicts(opened: OpenedRun, wells: pd.DataFrame) -> Verdicts:
    """Verdicts of a run's model; none, with the reason, where it has not been scored.

    `wells` says which batches and plates each treatment is on.
    """
    run = opened.run
    profiled = (run / paths.PROFILES).is_file()
    profiles = read_table(run / paths.PROFILES, PROFILES) if profiled else empty_table(PROFILES)
    alike = run / paths.UNANNOTATED
    unannotated = read_table(alike, UNANNOTATED) if alike.is_file() else empty_table(UNANNOTATED)
    if not (run / paths.NEIGHBOURS).is_file():
        missing = f"Treatments have not been scored: phenovae evaluate --run {run}"
        return Verdicts({}, profiles, wells, {}, missing, unannotated)
    table = read_table(run / paths.NEIGHBOURS, NEIGHBOURS)
    table = table.loc[table["Features"] == MODEL]
    rows = {
        f"{label} {metric}": here.reset_index(drop=True)
        for (label, metric), here in table.groupby(["Protocol", "Metric"], sort=False)
    }
    missing = "" if rows else "No treatment has an allowed neighbour of its own mechanism."
    return Verdicts(rows, profiles, wells, _protocols(opened), missing, unannotated)


def treatment_names(table: pd.DataFrame) -> list[str]:
    """The treatment of each row as scoring names it; controls with their role, and without a dose
    where it is none.
    """
    columns = ("Metadata_Compound", "Metadata_Concentration", "Metadata_Role")
    return [
        treatment_text(str(compound), float(dose))
        if role == str(Role.TREATMENT)
        else f"{treatment_text(str(compound), float(dose)) if dose else compound} "
        f"({str(role).replace('_', ' ')})"
        for compound, dose, role in zip(*(table[name] for name in columns), strict=True)
    ]


def profile_values(profiles: pd.DataFrame, label: str) -> tuple[pd.DataFrame, Matrix]:
    """Profiles of one protocol and their values, without the columns that only others have."""
    here = profiles.loc[profiles["Profile_Protocol"] == label].reset_index(drop=True)
    values = here.filter(regex=r"^f_\d+$").to_numpy(dtype=np.float64)
    used = np.flatnonzero((values != 0).any(axis=0))
    return here, values[:, : int(used[-1]) + 1 if len(used) else 0]


def _ranked(
    profiles: pd.DataFrame, wells: pd.DataFrame, label: str, metric: str, protocol: Protocol | None
) -> Ranking:
    here, values = profile_values(profiles, label)
    nothing = Ranking([], [], np.zeros((0, 0)), np.zeros((0, 0), bool))
    if protocol is None or not len(here) or not values.shape[1]:
        return nothing
    names = [
        treatment_text(str(compound), float(dose))
        for compound, dose in zip(
            here["Metadata_Compound"], here["Metadata_Concentration"], strict=True
        )
    ]
    mechanisms = [str(each) for each in here["Metadata_MoA"]]
    compounds = [str(each) for each in here["Metadata_Compound"]]
    treated = treatment_names(wells)
    known = pd.DataFrame(
        {
            "Batches": _sets(wells["Metadata_Batch"], treated, names),
            "Plates": _sets(wells["Metadata_Plate"], treated, names),
        }
    )
    try:
        batches = batch_sets(known, wells, protocol.batches)
        like = similarities(values, protocol.metric, names)
    except PhenovaeError:
        return nothing
    allowed = eligible(compounds, batches, METRICS[metric])
    if not protocol.unscorable_as_candidates:
        allowed = allowed & scorable(allowed, mechanisms)[None, :]
    return Ranking(names, mechanisms, like, allowed)


def _sets(values: pd.Series, treated: list[str], names: list[str]) -> pd.Series:
    """For each of the names, the set of values of the wells that were treated so."""
    known: dict[str, set[str]] = {}
    for value, name in zip(values, treated, strict=True):
        known.setdefault(name, set()).add(str(value))
    return pd.Series([frozenset(known.get(name, ())) for name in names], dtype=object)


def _protocols(opened: OpenedRun) -> dict[str, Protocol]:
    """The run's protocols by label; one whose file is gone since is left out."""
    found: dict[str, Protocol] = {}
    for name in opened.config.evaluate.protocols:
        try:
            protocol = load_protocol(name)
        except PhenovaeError:
            continue
        for each in (protocol, protocol.fitted_on_all_wells()):
            found[each.label] = each
    return found


def _word(right: float | None) -> str:
    if right is None:
        return UNSCORED
    return RIGHT if right >= 1 else WRONG if right <= 0 else TIED


def _finite(value: object) -> float | None:
    number = float(str(value))
    return number if np.isfinite(number) else None
