"""A doctor of the installation: versions, devices, speed, room, extras; each with its mend."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from phenovae.base.findings import Finding, fault, gravest_first, note, warning
from phenovae.cells.throughput import measure_throughput

_LITTLE_ROOM_GB = 2.0
_LARGEST_ERROR = 1e-2
"""Reduced precision (TF32, bfloat16) stays under it; a wrong product does not."""

_EXTRAS = {
    "umap": "a UMAP of treatments in the report",
    "tensorboard": "logs of trainings for TensorBoard",
    "hdf5": "import of the origin's HDF5 crops",
    "zarr": "OME-Zarr plates",
    "timm": "a frozen backbone to compare with: its code is Apache-2.0, weights have terms of "
    "their own and are a file that you name",
    "cellpose": "nuclei by Cellpose: its code is BSD-3-Clause, its weights were trained on data "
    "under CC-BY-NC and may be bound by that; they are downloaded only where asked for",
    "instanseg": "nuclei by InstanSeg: its code is Apache-2.0, each model's weights have a licence "
    "of their own, told when it is loaded; they are downloaded only where asked for",
}
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Examination:
    """What was looked at, in names and values, and what was found."""

    what: str
    facts: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]


def examine_installation() -> Examination:
    """Look at everything that a run rests on, and measure what can be slow."""
    facts: list[tuple[str, str]] = []
    said: list[Finding] = []
    for part in (_of_versions, _of_devices, _of_machine, _of_folders, _of_extras):
        for each in part():
            if isinstance(each, Finding):
                said.append(each)
            else:
                facts.append(each)
    return Examination("the installation", tuple(facts), gravest_first(said))


_Told = Iterator[Finding | tuple[str, str]]


def _of_versions() -> _Told:
    try:
        told = metadata.metadata("phenovae")
    except metadata.PackageNotFoundError:
        yield fault("phenovae is not installed", mend="pip install -e . in the checkout")
        return
    yield "phenovae", told["Version"]
    wanted, found = told["Requires-Python"] or "", platform.python_version()
    yield "Python", f"{found} (wanted {wanted})"
    if not SpecifierSet(wanted).contains(found, prereleases=True):
        yield fault(f"Python {found} is not {wanted}", mend="make an environment of another Python")
    needed = [each for each in _requirements() if each.marker is None]
    versions = []
    for each in needed:
        version = _version(each.name)
        versions.append(f"{each.name} {version or 'absent'}")
        if version is None:
            yield fault(f"{each.name} is not installed", mend=f"pip install '{each}'")
        elif not each.specifier.contains(version, prereleases=True):
            yield fault(
                f"{each.name} {version} is not {each.specifier}", mend=f"pip install '{each}'"
            )
    yield "libraries", ", ".join(versions)


def _of_devices() -> _Told:
    from phenovae.vae.machine import devices, matrix_product

    seen = set()
    for device in devices():
        memory = f", {device.memory_gb:.0f} GB" if device.memory_gb else ""
        text = f"{device.kind}{memory}"
        if device.name not in seen:
            product = matrix_product(device.name)
            text += (
                f"; {product.size} × {product.size} float32 product in "
                f"{1000 * product.seconds:.2f} ms, {product.gflops:.0f} GFLOP/s, error "
                f"{product.error:.0e}"
            )
            if not product.error < _LARGEST_ERROR:
                yield fault(
                    f"{device.name} multiplies matrices wrongly (error {product.error:.2g})",
                    mend="install another build of PyTorch, or set train.device=cpu",
                )
        seen.add(device.name)
        yield f"device {device.name}", text


def _of_machine() -> _Told:
    from phenovae.vae.machine import threads

    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    set_to = {name: os.environ[name] for name in _THREADS if name in os.environ}
    told = ", ".join(f"{name}={value}" for name, value in set_to.items()) or "no variable set"
    yield "cores", f"{cores}; threads of PyTorch {threads()}; {told}"
    if threads() > cores:
        yield warning(
            f"PyTorch uses {threads()} threads on {cores} cores: they wait for each other",
            mend=f"set OMP_NUM_THREADS={cores}",
        )


def _of_folders() -> _Told:
    for name, folder in (("temporary folder", Path(tempfile.gettempdir())), ("here", Path.cwd())):
        free = shutil.disk_usage(folder).free / 1e9
        yield name, f"{folder}, {free:,.1f} GB free"
        if free < _LITTLE_ROOM_GB:
            yield warning(
                f"the {name} has {free:.1f} GB free"
                if name != "here"
                else f"this folder has {free:.1f} GB free",
                (str(folder),),
                "make room; a plate of BBBC021 takes 1.9 GB",
            )
        try:
            speed = measure_throughput(folder)
        except OSError as error:
            yield fault(
                f"cannot write: {error.strerror or error}",
                (str(folder),),
                "set TMPDIR" if name != "here" else "choose another --out",
            )
            continue
        yield (
            "  crops a second",
            f"{speed.written_a_second:,.0f} written, {speed.read_a_second:,.0f} read at random "
            "(3 × 68 × 68, from memory)",
        )


def _of_extras() -> _Told:
    for extra, use in _EXTRAS.items():
        found = []
        for each in _requirements():
            if each.marker is None or not each.marker.evaluate({"extra": extra}):
                continue
            version = _version(each.name)
            found.append(f"{each.name} {version}" if version else f"absent ({each.name})")
            if version and not each.specifier.contains(version, prereleases=True):
                yield warning(
                    f"{each.name} {version} is not {each.specifier}",
                    mend=f"pip install 'phenovae[{extra}]'",
                )
        if not found:
            yield note(
                f"the extra {extra} is not among those that were installed with phenovae",
                mend="install phenovae anew",
            )
        yield f"extra {extra}", f"{', '.join(found) or 'not known'}; {use}"


def _requirements() -> list[Requirement]:
    try:
        return [Requirement(text) for text in metadata.requires("phenovae") or ()]
    except metadata.PackageNotFoundError:
        return []


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
