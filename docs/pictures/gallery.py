"""Draw the pictures of the gallery from a run, small enough for a page of them.

    python docs/pictures/gallery.py RUN FOLDER

In the folder is then every leading picture of every kind that the run can give, each under 200 kB,
and `gallery.json`, which has of each its file, kind, what the kind says, caption, number of cells
and size in pixels, in the order in which they are to be shown.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageChops, ImageSequence, ImageStat

from phenovae.base.files import write_json, writing
from phenovae.figures.drawing import CSS_INCH, to_bytes
from phenovae.pipeline.execute import config_of_run, existing_run
from phenovae.pipeline.figure_kinds import KINDS, CannotDrawError, Drawn, Gathered, Kind, Wanted

MOST_BYTES = 200_000
QUALITY = 85
# Levels of 256 by which a picture may differ, root mean square, before it is seen.
SEEN = 1.0
# Pictures that move are made smaller, fewer frames or fewer shades, the last of which shows most.
SHADES = (128, 64)
SIZES = (1.0, 0.8, 0.65, 0.5, 0.4, 0.3)
EVERY = (1, 2)


def main(run: Path, out: Path) -> None:
    """Draw the leading pictures of a run into a folder, and say of what there is none."""
    config = config_of_run(existing_run(run), None, ())
    gathered = Gathered(run, config, Wanted(seed=config.seed))
    told = []
    for kind in KINDS:
        try:
            told += [_keep(each, kind, out) for each in kind.draw(gathered) if each.leading]
        except CannotDrawError as error:
            sys.stderr.write(f"{kind.name}: not drawn: {error.what}\n")
    write_json(out / "gallery.json", told)


def _keep(drawn: Drawn, kind: Kind, out: Path) -> dict[str, object]:
    if isinstance(drawn.picture, bytes):
        data, suffix = small_gif(drawn.picture), "gif"
    else:
        data, suffix = small_still(to_bytes(drawn.picture, "png", CSS_INCH * 3 // 2))
    file = f"{drawn.name}.{suffix}"
    with writing(out / file) as partial:
        partial.write_bytes(data)
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    return {
        "file": file, "kind": kind.name, "says": kind.says, "caption": drawn.caption,
        "cells": drawn.cells, "width": width, "height": height,
    }  # fmt: skip


def small_still(png: bytes) -> tuple[bytes, str]:
    """A PNG of 256 shades where these are enough, else a JPEG, under 200 kB; and its suffix."""
    with Image.open(io.BytesIO(png)) as image:
        whole = image.convert("RGB")
    indexed = whole.quantize(256, dither=Image.Dither.NONE)
    lost = ImageStat.Stat(ImageChops.difference(whole, indexed.convert("RGB"))).rms
    with io.BytesIO() as buffer:
        indexed.save(buffer, "PNG", optimize=True)
        drawn = buffer.getvalue()
    if len(drawn) < MOST_BYTES and max(lost) < SEEN:
        return drawn, "png"
    return _first_small(_jpegs(whole)), "jpg"


def small_gif(data: bytes) -> bytes:
    """A GIF of fewer shades and frames, and smaller where it has to be, under 200 kB."""
    with Image.open(io.BytesIO(data)) as image:
        frames = [
            (frame.convert("RGB"), int(frame.info["duration"]))
            for frame in ImageSequence.Iterator(image)
        ]
    return _first_small(_gifs(frames))


def _first_small(tries: Iterator[bytes]) -> bytes:
    data = b""
    for data in tries:
        if len(data) < MOST_BYTES:
            break
    return data


def _jpegs(whole: Image.Image) -> Iterator[bytes]:
    for size in SIZES:
        with io.BytesIO() as buffer:
            # colours are kept at full resolution, or thin coloured lines would run
            _scaled(whole, size).save(buffer, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
            yield buffer.getvalue()


def _gifs(frames: list[tuple[Image.Image, int]]) -> Iterator[bytes]:
    for size in SIZES:
        for step in EVERY:
            kept = [_scaled(frame, size) for frame, _ in frames[::step]]
            # a frame that stays takes the time of those that go
            times = [
                sum(time for _, time in frames[at : at + step])
                for at in range(0, len(frames), step)
            ]
            for shades in SHADES:
                shared = kept[0].quantize(shades) if len(kept) < 3 else _together(kept, shades)
                indexed = [
                    frame.quantize(palette=shared, dither=Image.Dither.NONE) for frame in kept
                ]
                with io.BytesIO() as buffer:
                    indexed[0].save(
                        buffer, "GIF", save_all=True, append_images=indexed[1:], duration=times,
                        loop=0, optimize=False,
                    )  # fmt: skip
                    yield buffer.getvalue()


def _together(frames: list[Image.Image], shades: int) -> Image.Image:
    """One palette for all frames: that of the first, the middle and the last."""
    width, height = frames[0].size
    some = Image.new("RGB", (width, 3 * height))
    for number, frame in enumerate((frames[0], frames[len(frames) // 2], frames[-1])):
        some.paste(frame, (0, number * height))
    return some.quantize(shades)


def _scaled(image: Image.Image, size: float) -> Image.Image:
    if size == 1:
        return image
    width, height = image.size
    return image.resize((round(width * size), round(height * size)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
