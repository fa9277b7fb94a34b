"""Training, validation and test cells: no group on two sides, seeded, written with its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from phenovae.base.errors import InputError, UsageError
from phenovae.base.options import Options
from phenovae.base.tables import Column, Schema, read_table
from phenovae.screen.sites import concentration_key

SPLITS = Schema(
    "splits",
    1,
    (
        Column("Row", "int64", "row of the cell in its store"),
        Column("Group", "string", "what is kept together"),
        Column("Split", "string", "train, validation, test, or left-out"),
    ),
)

TRAIN, VALIDATION, TEST, LEFT_OUT = "train", "validation", "test", "left-out"
_EXACT = 1e-9

_GROUPS: dict[str, tuple[str, ...]] = {
    "cell": ("Metadata_Plate", "Metadata_Field", "Metadata_Cell"),
    "well": ("Metadata_Plate", "Metadata_Well"),
    "plate": ("Metadata_Plate",),
    "batch": ("Metadata_Batch",),
    "treatment": ("Metadata_Compound", "Metadata_Concentration"),
    "compound": ("Metadata_Compound",),
}
_STRATA: dict[str, tuple[str, ...]] = {
    "none": (),
    "role": ("Metadata_Role",),
    "treatment": ("Metadata_Role", "Metadata_Compound", "Metadata_Concentration"),
    "batch": ("Metadata_Batch",),
}


class SplitOptions(Options):
    """How cells are divided."""

    by: Literal["cell", "well", "plate", "batch", "treatment", "compound"] = Field(
        "well", description="what is never on two sides"
    )
    validation: float = Field(
        0.1, ge=0, lt=1, description="share of the cells that chooses the checkpoint"
    )
    test: float = Field(0.0, ge=0, lt=1, description="share of the cells kept out of training")
    stratify: Literal["none", "role", "treatment", "batch"] = Field(
        "role", description="what the parts should have in like shares; never the mechanism"
    )
    one_treatment: bool = Field(
        default=False,
        description="train even where all cells had one treatment and nothing can be told apart",
    )


def make_splits(table: pd.DataFrame, options: SplitOptions, seed: int) -> pd.DataFrame:
    """Divide the cells of a store's table; a `SPLITS` frame with a row a cell, in its order.

    Flagged cells are left out. The same cells get the same side in whatever order they stand.
    Within a stratum groups are lined up by size and a part draws its share of every stretch of the
    line, so that small and large groups have the same chance. A group that is larger than a whole
    part should be, and than most groups (the controls, where compounds are kept together), trains,
    and nothing is taken in its place: the part is then smaller than asked for. Raises InputError
    where a wanted part would stay empty.
    """
    if options.validation + options.test >= 1:
        raise UsageError("split.validation and split.test leave nothing to train on")
    groups = _joined(table, _GROUPS[options.by])
    strata = _joined(table, _STRATA[options.stratify])
    usable = (table["Quality_Flag"] == "").to_numpy()
    sides = _assign(groups[usable], strata[usable], options, seed)
    split = np.where(usable, groups.map(sides).to_numpy(dtype=object), LEFT_OUT)
    counts = {name: int((split == name).sum()) for name in (TRAIN, VALIDATION, TEST)}
    for name, share in (
        (TRAIN, 1.0),
        (VALIDATION, options.validation),
        (TEST, options.test),
    ):
        if share > 0 and counts[name] == 0:
            raise InputError(
                f"splitting {int(usable.sum())} cells in {len(sides)} groups by {options.by} "
                f"leaves none for {name}",
                mend="split by something finer (split.by=cell), or ask for a larger share",
            )
    return pd.DataFrame(
        {
            "Row": np.arange(len(table)),
            "Group": groups.to_numpy(dtype=object),
            "Split": split.astype(object),
        }
    )


def split_hash(splits: pd.DataFrame) -> str:
    """What identifies a division of cells."""
    text = "\n".join(
        f"{row}\t{group}\t{split}"
        for row, group, split in splits[list(SPLITS.names)].itertuples(index=False, name=None)
    )
    return hashlib.sha256(text.encode()).hexdigest()


def read_splits(path: Path, cells: int) -> pd.DataFrame:
    """Read splits and check that they are of a store of so many cells, with no group on two sides.

    Raises InputError otherwise.
    """
    splits = read_table(path, SPLITS)
    if len(splits) != cells or not np.array_equal(splits["Row"], np.arange(cells)):
        raise InputError(
            f"{path.name} has {len(splits)} rows, the store {cells} cells",
            where=path,
            mend="split the cells anew with phenovae train",
        )
    strange = sorted(set(splits["Split"]) - {TRAIN, VALIDATION, TEST, LEFT_OUT})
    if strange:
        raise InputError(f"{path.name} has an unknown side {strange[0]!r}", where=path)
    check_disjoint(splits)
    return splits


def check_disjoint(splits: pd.DataFrame) -> None:
    """Raise InputError where a group is on two sides."""
    used = splits.loc[splits["Split"] != LEFT_OUT]
    sides = used.groupby("Group")["Split"].nunique()
    torn = sides[sides > 1]
    if len(torn):
        raise InputError(f"group {torn.index[0]} is on {torn.iloc[0]} sides of the split")


def _joined(table: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series:
    joined = pd.Series("", index=range(len(table)), dtype="object")
    for name in columns:
        values = table[name].reset_index(drop=True)
        if name == "Metadata_Concentration":
            values = values.map(concentration_key)
        joined = joined + values.astype(str).astype("object") + "|"
    return joined.str.removesuffix("|")


def _assign(
    groups: pd.Series, strata: pd.Series, options: SplitOptions, seed: int
) -> dict[str, str]:
    counted = pd.DataFrame({"group": groups, "stratum": strata})
    sizes = counted.groupby("group").size()
    stratum = counted.groupby("group")["stratum"].min()
    line = sorted(
        (str(name) for name in sizes.index),
        key=lambda name: (stratum[name], -sizes[name], _shuffled(seed, "line", name)),
    )
    sides = dict.fromkeys(line, TRAIN)
    left = 1.0
    for part, share in ((VALIDATION, options.validation), (TEST, options.test)):
        waiting = [name for name in line if sides[name] == TRAIN]
        if not waiting:
            break
        most = max(share * len(groups), float(np.median([sizes[name] for name in waiting])))
        fitting = [name for name in waiting if sizes[name] <= most]
        for name in _drawn(fitting, share / left, partial(_shuffled, seed, part)):
            sides[name] = part
        left -= share
    return sides


def _drawn(line: list[str], share: float, chance: Callable[[str], str]) -> list[str]:
    """One of every stretch of 1 / `share` names; of a last, shorter one if it is half as long."""
    stretches: dict[int, list[str]] = {}
    for place, name in enumerate(line):
        stretches.setdefault(int(place * share + _EXACT), []).append(name)
    whole = len(line) * share
    return [
        min(names, key=chance)
        for number, names in stretches.items()
        if share > 0 and whole - number >= 0.5 - _EXACT
    ]


def _shuffled(seed: int, purpose: str, name: str) -> str:
    return hashlib.sha256(f"{seed}\x1fsplits\x1f{purpose}\x1f{name}".encode()).hexdigest()
