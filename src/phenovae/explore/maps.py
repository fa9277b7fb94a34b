"""The maps of a level that can be asked for by name, and what their axes are."""

from __future__ import annotations

import numpy as np

from phenovae.base.errors import InputError
from phenovae.explore.latent_values import LatentValues
from phenovae.explore.levels import Level, Points
from phenovae.explore.packing import Json, packed
from phenovae.explore.planes import Plane, principal_plane, umap_installed, umap_plane
from phenovae.explore.verdicts import Verdicts, profile_values, treatment_names
from phenovae.explore.waiting import Later
from phenovae.report.facts import percent, plural
from phenovae.screen.design import treatment_text

PCA, UMAP, PROFILES, LATENTS = "pca", "umap", "profiles:", "z:"


class Maps:
    """Planes of the points of a run, each computed once. `wait` [s] is as for `LatentValues`."""

    def __init__(
        self,
        points: Points,
        verdicts: Verdicts,
        latents: LatentValues,
        *,
        seed: int,
        wait: float | None,
    ) -> None:
        self._points = points
        self._verdicts = verdicts
        self._latents = latents
        self._seed = seed
        self._wait = wait
        self._later: Later[tuple[Plane, Json]] = Later()
        self._umaps: Later[tuple[Plane, Json]] = Later()

    def listed(self, level: Level) -> list[Json]:
        """The maps that a level has, besides those of two latents."""
        found: list[Json] = [{"name": PCA, "label": "PCA of embeddings"}]
        if umap_installed():
            found.append({"name": UMAP, "label": "UMAP of embeddings"})
        if level.name == "treatments":
            found += [
                {"name": PROFILES + label, "label": f"PCA of profiles, {label}"}
                for label in dict.fromkeys(self._verdicts.profiles["Profile_Protocol"])
            ]
        return found

    def told(self, level: Level, name: str) -> Json:
        """Where the points lie, the labels of the axes, and a note.

        Raises StillWorkingError, and InputError where a level has no such map.
        """
        plane, told = self._plane(level, name)
        return {"x": packed(plane[:, 0], "f4"), "y": packed(plane[:, 1], "f4"), **told}

    def close(self) -> None:
        """Begin nothing more."""
        self._later.close()
        self._umaps.close()

    def _plane(self, level: Level, name: str) -> tuple[Plane, Json]:
        if name == PCA:
            return self._later.get(
                f"{level.name} pca", "principal components", lambda: _pca(level), wait=None
            )
        if name == UMAP:
            return self._umap(level)
        if name.startswith(PROFILES) and level.name == "treatments":
            return self._of_profiles(level, name.removeprefix(PROFILES))
        if name.startswith(LATENTS) and name.count(":") == 2:
            return self._of_latents(level, name)
        raise InputError(f"there is no map {name!r} of {level.name}")

    def _umap(self, level: Level) -> tuple[Plane, Json]:
        if not umap_installed():
            raise InputError("UMAP needs umap-learn: pip install 'phenovae[umap]'")

        def make() -> tuple[Plane, Json]:
            return umap_plane(level.values, self._seed), {
                "labels": ["UMAP 1 (no unit)", "UMAP 2 (no unit)"],
                "note": "Near neighbours mean something here, distances between far groups little.",
                "equal": False,
            }

        what = f"UMAP of {plural(len(level), level.name.removesuffix('s'))}"
        return self._umaps.get(level.name, what, make, wait=self._wait)

    def _of_profiles(self, level: Level, label: str) -> tuple[Plane, Json]:
        here, values = profile_values(self._verdicts.profiles, label)
        if not len(here):
            raise InputError(f"there are no profiles by {label!r}")
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        unit = values / np.maximum(lengths, 1e-12)
        flat, shares = principal_plane(unit, np.ones(len(unit), bool))
        places = {
            treatment_text(str(compound), float(dose)): at
            for at, (compound, dose) in enumerate(
                zip(here["Metadata_Compound"], here["Metadata_Concentration"], strict=True)
            )
        }
        names = treatment_names(level.table)
        plane = np.full((len(names), 2), np.nan, np.float32)
        for at, name in enumerate(names):
            if name in places:
                plane[at] = flat[places[name]]
        note = (
            f"Profiles of unit length; {plural(len(here), 'treatment')} of known mechanism "
            "have one, controls and others have none."
        )
        return plane, {**_axes(shares), "note": note}

    def _of_latents(self, level: Level, name: str) -> tuple[Plane, Json]:
        _, first, second = name.split(":")
        plane = np.stack([self._latents.of(level, first), self._latents.of(level, second)], axis=1)
        average = "" if level.name == "cells" else ", averaged over the shown cells"
        return plane.astype(np.float32), {
            "labels": [f"latent {first}", f"latent {second}"],
            "note": f"Posterior means{average}.",
            "equal": False,
        }


def _pca(level: Level) -> tuple[Plane, Json]:
    plane, shares = principal_plane(level.values, level.usable)
    return plane, {**_axes(shares), "note": ""}


def _axes(shares: tuple[float, float]) -> Json:
    labels = [
        f"component {number + 1} ({percent(share, 0)} of the variance)"
        for number, share in enumerate(shares)
    ]
    return {"labels": labels, "equal": True}
