"""`phenovae segment`: nuclei and cells of a run's fields, or label images of any nuclei."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phenovae.base.errors import InputError, UsageError
from phenovae.cli.shared import (
    UNREAD,
    Again,
    ConfigFile,
    Scheduler,
    Settings,
    Workers,
    console_of,
    run_stage_verb,
)

if TYPE_CHECKING:
    from phenovae.images.segmentation.nuclei import NucleiResult
    from phenovae.images.segmentation.options import SegmentationOptions

_MOST = 65_535
_MADE_HERE = "nuclei labelled by phenovae"


def command(
    context: typer.Context,
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[IMAGES…]", help="Images of nuclei: TIFF, PNG or JPEG, bright on dark."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Where label images go.")
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option("--pixel-size", metavar="µm", help="Length of a pixel.")
    ] = None,
    minimum: Annotated[
        float | None,
        typer.Option("--min-diameter", metavar="µm", help="Smallest nucleus; needs --pixel-size."),
    ] = None,
    maximum: Annotated[
        float | None,
        typer.Option("--max-diameter", metavar="µm", help="Largest nucleus; needs --pixel-size."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            metavar="NAME",
            help="classical (needs no weights), or a model of others: cellpose, instanseg.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", help="Name of the model, or path of its weights."),
    ] = None,
    download: Annotated[
        bool,
        typer.Option("--download-weights", help="Let the library fetch weights it lacks."),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option("--device", metavar="NAME", help="Where a model runs: auto or cpu."),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option("--run", metavar="RUN", help="Instead: the stage of a run, on its fields."),
    ] = None,
    config: ConfigFile = None,
    settings: Settings = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    again: Again = False,
) -> None:
    """Write a label image of the same name (.tif, uint16) for every image of nuclei.

    0 is background, nuclei are numbered from 1. The size of the nuclei is found from each image.
    With --run it is the stage of a run: nuclei, cells and their measures in every field.

    Example: phenovae segment plate/*.tif -o labels

    Example: phenovae segment plate/*.tif -o labels --method cellpose --download-weights

    Example: phenovae segment --run RUN
    """
    asked = {"method": method, "model": model, "device": device}
    named: dict[str, str | bool] = {name: told for name, told in asked.items() if told is not None}
    if download:
        named["download_weights"] = True
    if run is not None:
        if images or out is not None:
            raise UsageError("--run takes its images from the run", mend="leave IMAGES and -o out")
        told = [
            *(settings or []),
            *(f"segmentation.{name}={value}" for name, value in named.items()),
        ]
        run_stage_verb(
            context,
            "segment",
            run,
            config,
            told,
            again=again,
            workers=workers,
            scheduler=scheduler,
        )
        return
    if not images or out is None:
        raise UsageError(
            "there is nothing to segment",
            mend="phenovae segment IMAGES… -o FOLDER, or phenovae segment --run RUN",
        )
    options = _options(minimum, maximum, pixel_size, named)
    targets = _targets(images, out)
    _prepare(options)
    counted, unread = 0, 0
    with console_of(context).progress.bar("segmenting", len(images)) as bar:
        for image in images:
            try:
                result = _labelled(image, options, pixel_size)
            except InputError as error:
                unread += 1
                typer.echo(f"{image}: not segmented: {error.what}", err=True)
            else:
                _write(result, targets[image])
                counted += result.count
                size = f", {result.scale:.1f} px across" if result.count else ""
                typer.echo(f"{image}: {result.count} {_nuclei(result.count)}{size}")
            bar.advance()
    done = len(images) - unread
    typer.echo(f"{counted} {_nuclei(counted)} in {done} of {len(images)} images; labels in {out}")
    if unread:
        raise typer.Exit(UNREAD)


def _nuclei(count: int) -> str:
    return "nucleus" if count == 1 else "nuclei"


def _options(
    minimum: float | None,
    maximum: float | None,
    pixel_size: float | None,
    named: Mapping[str, str | bool],
) -> SegmentationOptions:
    from pydantic import ValidationError

    from phenovae.images.segmentation.options import SegmentationOptions

    for name, value in (
        ("--pixel-size", pixel_size),
        ("--min-diameter", minimum),
        ("--max-diameter", maximum),
    ):
        # written so that NaN is refused too
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"{name} must be a length above 0, not {value}")
    if pixel_size is None and (minimum is not None or maximum is not None):
        raise UsageError("a diameter in µm needs the size of a pixel", mend="give --pixel-size")
    if minimum is not None and maximum is not None and minimum >= maximum:
        raise UsageError("--min-diameter must be below --max-diameter")
    limits = {"minimum_diameter_um": minimum, "maximum_diameter_um": maximum}
    try:
        return SegmentationOptions.model_validate({**limits, **named})
    except ValidationError as error:
        first = error.errors()[0]
        option = "".join(f"--{part}: " for part in first["loc"])
        raise UsageError(f"{option}{first['msg']}") from error


def _targets(images: list[Path], out: Path) -> dict[Path, Path]:
    """Where the labels of every image go.

    Raises UsageError before any work where two images would share a file, or a file that is no
    label image of phenovae would be lost.
    """
    if out.exists() and not out.is_dir():
        raise UsageError("this is a file, not a folder for label images", where=out)
    targets = {image: out / f"{image.stem}.tif" for image in images}
    owners: dict[str, Path] = {}
    for image in images:
        # some file systems do not tell capitals apart
        name = targets[image].name.casefold()
        if name in owners:
            raise UsageError(
                f"{owners[name]} and {image} would have one label image, {targets[image].name}",
                where=out,
                mend="segment them into two folders",
            )
        owners[name] = image
    for target in targets.values():
        if target.exists() and not _made_here(target):
            raise UsageError(
                "there is a file in the place of a label image, and phenovae did not write it",
                where=target,
                mend="choose another folder; images are never written over",
            )
    return targets


def _made_here(path: Path) -> bool:
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            return str(file.pages.first.tags.valueof("ImageDescription")) == _MADE_HERE
    except (OSError, ValueError, LookupError, tifffile.TiffFileError):
        return False


def _prepare(options: SegmentationOptions) -> None:
    from phenovae.images.segmentation.external import prepare

    prepare(options)


def _labelled(image: Path, options: SegmentationOptions, pixel_size: float | None) -> NucleiResult:
    from phenovae.images.pictures import read_picture
    from phenovae.images.segmentation.nuclei import segment_nuclei

    result = segment_nuclei(read_picture(image), options, pixel_size_um=pixel_size)
    if result.count > _MOST:
        raise InputError(
            f"{result.count} nuclei are more than a uint16 label image can number", where=image
        )
    return result


def _write(result: NucleiResult, target: Path) -> None:
    import numpy as np
    import tifffile

    from phenovae.base.files import writing

    with writing(target) as partial:
        tifffile.imwrite(
            partial,
            result.labels.astype(np.uint16),
            compression="zlib",
            description=_MADE_HERE,
            metadata=None,
        )
