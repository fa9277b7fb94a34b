"""Stage `import`: single-cell files into the cell store."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from phenovae.base.errors import UsageError
from phenovae.base.files import write_json
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.stage import Outcome, Stage, Work

_HDF5 = (".h5", ".hdf5")
_UNPACKED = "hdf5"


def _import(work: Work) -> Outcome:
    from phenovae.cells.hdf5 import unpack_hdf5
    from phenovae.cells.importing import ImportOptions, import_crops
    from phenovae.cells.refusals import write_refusals
    from phenovae.pipeline.screens import single_cell_screen

    screen = single_cell_screen()
    crops, table = _named(work.config)
    unpacked = work.run / _UNPACKED
    if crops.suffix in _HDF5:
        unpack_hdf5(crops, unpacked, work.progress)
        crops = unpacked
    named = work.config.input
    options = ImportOptions(
        crops=crops,
        table=table,
        moa=named.moa,
        channels=named.channels or screen.channels,
        pixel_size_um=named.pixel_size_um,
        quality=work.config.quality,
    )
    report = import_crops(screen, options, work.run / paths.CELLS, work.progress)
    shutil.rmtree(unpacked, ignore_errors=True)
    write_json(work.run / paths.IMPORT, report.as_dict())
    write_refusals(report.refused, work.run / paths.ERRORS)
    return Outcome({"found": report.found, "imported": report.imported}, len(report.refused))


def _named(config: Config) -> tuple[Path, Path]:
    crops, table = config.input.crops, config.input.metadata
    if crops is None or table is None:
        named = {"input.crops": crops, "input.metadata": table}
        missing = [name for name, path in named.items() if path is None]
        raise UsageError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set",
            mend="--set input.crops=FOLDER --set input.metadata=CSV; or input.source=twin",
        )
    return crops, table


def _inputs(config: Config) -> Mapping[str, Path]:
    crops, table = _named(config)
    named = {"crops": crops, "metadata": table}
    return named if config.input.moa is None else {**named, "moa": config.input.moa}


IMPORT = Stage(
    name="cells",
    version=1,
    needs=(),
    outputs=(paths.CELLS, paths.IMPORT, paths.ERRORS),
    options=lambda config: {
        "input": config.input.model_dump(mode="json", include={"channels", "pixel_size_um"}),
        "quality": config.quality.model_dump(mode="json"),
    },
    perform=_import,
    inputs=_inputs,
    says="importing single-cell files",
    verb="import",
)
