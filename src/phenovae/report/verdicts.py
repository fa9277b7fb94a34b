"""Every treatment's verdict: its nearest neighbour, and how far behind the first right one was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.evaluate.neighbours import Metric
from phenovae.evaluate.ranking import Ranking, rank_neighbours
from phenovae.evaluate.scores import METRICS, label_of
from phenovae.report.content import Record, ReportContent
from phenovae.report.facts import mapping
from phenovae.report.words import MODEL, headline

_KEPT = 5
_TIE = 1e-9
_LIKENESS: Mapping[str, Metric] = {
    "cosine": "cosine",
    "pearson": "pearson",
    "euclidean": "euclidean",
}


@dataclass(frozen=True)
class Verdict:
    """What came of one treatment by one metric; `right` is 1, 0, or a share where neighbours tie.

    `ranking` is there where the profiles of the run give the same nearest neighbour as the score
    had: for a few published protocols they do not say enough.
    """

    treatment: str
    compound: str
    mechanism: str
    neighbour: str
    predicted: str
    likeness: float
    right: float
    ranking: Ranking | None

    @property
    def state(self) -> str:
        """`right`, `wrong`, or `tied` where neighbours of several mechanisms are equally near."""
        return "right" if self.right == 1 else "wrong" if self.right == 0 else "tied"


class Verdicts:
    """The verdicts on the model's treatments by every protocol and metric that scored them."""

    def __init__(self, content: ReportContent) -> None:
        self._content = content

    @cached_property
    def headline(self) -> str:
        """The protocol that scored the model first, by its label; empty where none did."""
        return headline(self._content.records)

    def by(self, metric: str, label: str = "") -> Mapping[str, Verdict]:
        """Verdicts by the name of the treatment; by the headline's protocol unless one is named."""
        key = (label or self.headline, metric)
        if key not in self._found:
            self._found[key] = self._judged(*key)
        return self._found[key]

    @cached_property
    def _found(self) -> dict[tuple[str, str], Mapping[str, Verdict]]:
        return {}

    def _judged(self, label: str, metric: str) -> Mapping[str, Verdict]:
        table = self._content.neighbours
        if not len(table):
            return {}
        rows = table.loc[
            (table["Features"] == MODEL)
            & (table["Protocol"] == label)
            & (table["Metric"] == metric)
        ]
        rankings = self._rankings(label, metric)
        found = {}
        for row in rows.to_dict("records"):
            name = str(row["Treatment"])
            ranking = rankings.get(name)
            if ranking is not None and not _agree(ranking, float(row["Similarity"])):
                ranking = None
            found[name] = Verdict(
                treatment=name,
                compound=str(row["Metadata_Compound"]),
                mechanism=str(row["Metadata_MoA"]),
                neighbour=str(row["Neighbour"]),
                predicted=str(row["Predicted"]),
                likeness=float(row["Similarity"]),
                right=float(row["Right"]),
                ranking=ranking,
            )
        return found

    def _rankings(self, label: str, metric: str) -> Mapping[str, Ranking]:
        parameters = self._parameters(label, metric)
        likeness = _LIKENESS.get(str(parameters.get("metric")))
        if (
            metric not in METRICS
            or likeness is None
            # the table of profiles has no negative controls, nor other ways of counting batches
            or parameters.get("negative_controls_as_candidates")
            or (parameters.get("batches", "sets") != "sets" and metric != "NSC")
        ):
            return {}
        profiles = self._content.profiles
        here = profiles.loc[profiles["Profile_Protocol"] == label] if len(profiles) else profiles
        here = here.loc[here["Metadata_MoA"].map(_known)] if len(here) else here
        if len(here) < 2:
            return {}
        values = here.filter(regex=r"^f_\d+$").to_numpy(dtype=np.float64)
        # protocols with fewer features are padded with zeros
        values = values[:, (values != 0).any(axis=0)]
        try:
            return rank_neighbours(
                _with_batches(here),
                values,
                METRICS[metric],
                likeness,
                unscorable_as_candidates=bool(parameters.get("unscorable_as_candidates")),
                keep=_KEPT,
            )
        except InputError:
            # Without a direction nothing is near: the score itself says why there is none.
            return {}

    def _parameters(self, label: str, metric: str) -> Record:
        return next(
            (
                mapping(record.get("parameters"))
                for record in self._content.records
                if record["features"] == MODEL
                and record["metric"] == metric
                and label_of(record) == label
            ),
            {},
        )


def _agree(ranking: Ranking, likeness: float) -> bool:
    first = ranking.nearest[0].likeness
    return abs(first - likeness) <= _TIE * max(1.0, abs(likeness))


def _known(mechanism: object) -> bool:
    return isinstance(mechanism, str) and bool(mechanism.strip())


def _with_batches(rows: pd.DataFrame) -> pd.DataFrame:
    names = ["Metadata_Compound", "Metadata_Concentration", "Metadata_MoA"]
    batches = [frozenset(str(each).split("|")) for each in rows["Metadata_Batch"]]
    return rows[names].reset_index(drop=True).assign(Batches=pd.Series(batches, dtype=object))
