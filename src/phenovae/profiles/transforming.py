"""A recipe's transforms at work: fitted for each group of features, then applied to any rows."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import InputError
from phenovae.profiles.control_rows import ControlRows
from phenovae.profiles.features import Mask, Matrix
from phenovae.profiles.harmony import HarmonyOptions, correct
from phenovae.profiles.normalise import (
    Fitted,
    TransformOptions,
    apply_in_order,
    fit,
    transformed,
)
from phenovae.profiles.places import Places

logger = logging.getLogger(__name__)

Columns = npt.NDArray[np.int64]


class Transforms:
    """Transforms in order, for each group of features by itself.

    Once fitted, `fitted_on` is the number of control rows and `dropped` the names of the features
    that they leave out.
    """

    def __init__(
        self, transforms: Sequence[TransformOptions], columns: Sequence[str], pattern: str
    ) -> None:
        self._transforms = tuple(transforms)
        self._columns = tuple(columns)
        self._groups = feature_groups(columns, pattern) if transforms else [slice(None)]
        self._fitted: list[list[Fitted]] = []
        self._dropped: set[str] = set()
        self._names: list[tuple[str, ...]] = []
        if transforms and not isinstance(self._groups[0], slice):
            grouped = np.concatenate([np.asarray(each) for each in self._groups])
            self._dropped.update(np.delete(np.array(columns, dtype=object), grouped).tolist())
        self.fitted_on = 0

    @property
    def transductive(self) -> tuple[str, ...]:
        """Names of the transforms that are fitted on all rows, whatever they were treated with."""
        return tuple(each.name for each in self._transforms if isinstance(each, HarmonyOptions))

    @property
    def dropped(self) -> tuple[str, ...]:
        """Features that the transforms leave out: the screen's in their order, then mixtures."""
        own = [name for name in self._columns if name in self._dropped]
        return (*own, *sorted(self._dropped - {*own}))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of what comes out, once fitted: features as they came, or numbered mixtures."""
        if not self._transforms:
            return self._columns
        own = {*self._columns}
        flat = [name for names in self._names for name in names]
        # Groups of features are numbered on, so that no two mixtures share a name.
        return tuple(
            name if name in own else f"{name.partition(' ')[0]}_{place:03d}"
            for place, name in enumerate(flat)
        )

    def fit(self, seen: ControlRows) -> None:
        """Fit on control rows that are read block by block. Raises InputError without controls."""
        self._check_controls(len(seen))
        self.fitted_on = len(seen)
        if not self._transforms:
            return
        for columns in self._groups:
            own, fitted = _some(seen, columns), []
            for options in self._transforms:
                if isinstance(options, HarmonyOptions):
                    raise TypeError(f"{options.name} is fitted on all rows: use fit_and_apply")
                fitted.append(fit(options, own))
                own = self._after(own, options.name, fitted[-1])
            self._fitted.append(fitted)
            self._names.append(own.names)

    def apply(self, values: Matrix, places: Places) -> Matrix:
        """Transform rows of features; as they are where nothing is fitted."""
        if not self._fitted:
            return values
        found = [
            apply_in_order(fitted, values[:, columns], places)
            for columns, fitted in zip(self._groups, self._fitted, strict=True)
        ]
        return found[0] if len(found) == 1 else np.hstack(found)

    def fit_and_apply(self, values: Matrix, places: Places, controls: Mask) -> Matrix:
        """Fit on the rows that `controls` marks, or on all where a transform wants it, and
        transform all rows. Raises InputError where controls are needed and there are none.
        """
        self._check_controls(int(controls.sum()))
        self.fitted_on = int(controls.sum())
        if not self._transforms:
            return values
        done = [self._one_group(values, columns, places, controls) for columns in self._groups]
        return done[0] if len(done) == 1 else np.hstack(done)

    def _one_group(
        self, values: Matrix, columns: slice | Columns, places: Places, controls: Mask
    ) -> Matrix:
        inside = values[:, columns]
        names = tuple(np.array(self._columns, dtype=object)[columns].tolist())
        for options in self._transforms:
            if isinstance(options, HarmonyOptions):
                inside = correct(options, inside, places)
                continue
            seen = ControlRows.of(inside[controls], places.take(controls), names)
            fitted = fit(options, seen)
            inside = fitted.apply(inside, places)
            names = self._after(seen, options.name, fitted).names
        self._names.append(names)
        return inside

    def _after(self, seen: ControlRows, name: str, fitted: Fitted) -> ControlRows:
        self._dropped.update(np.array(seen.names, dtype=object)[~fitted.kept].tolist())
        return transformed(seen, name, fitted)

    def _check_controls(self, count: int) -> None:
        if count == 0 and len(self.transductive) < len(self._transforms):
            raise InputError(
                "the screen has no negative controls, on which this protocol fits its transforms",
                mend="name the controls in the metadata, or set evaluate.fit_on to all_wells",
            )


def _some(seen: ControlRows, columns: slice | Columns) -> ControlRows:
    if isinstance(columns, slice):
        return seen
    names = tuple(np.array(seen.names, dtype=object)[columns].tolist())
    return ControlRows(lambda: (values[:, columns] for values in seen.read()), seen.places, names)


def feature_groups(columns: Sequence[str], pattern: str) -> list[slice | Columns]:
    """Which features are transformed together: all, or those that the pattern gives one name.

    Features without a name of a group are left out with a warning; where none has one, all are one
    group.
    """
    names = [_group_name(pattern, column) for column in columns] if pattern else []
    known = sorted({name for name in names if name})
    if not known:
        return [slice(None)]
    left = [column for column, name in zip(columns, names, strict=True) if not name]
    if left:
        logger.warning("%d features are of no group and left out, as %s", len(left), left[0])
    named = np.array(names, dtype=object)
    return [np.flatnonzero(named == name) for name in known]


def _group_name(pattern: str, column: str) -> str:
    found = re.search(pattern, column)
    return found.group(1).lower() if found else ""
