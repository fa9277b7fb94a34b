from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from phenovae.figures.drawing import to_bytes
from phenovae.figures.illumination import light_of_plate, light_of_screen
from phenovae.images.illumination import Illumination, flat
from phenovae.images.illumination_files import illumination_table


def light(strength: float) -> Illumination:
    x = np.linspace(-1, 1, 40, dtype=np.float32)
    field = np.ones((30, 1), np.float32) * (1 + strength * x)[None, :]
    return Illumination(
        field=field.astype(np.float32),
        shape=(240, 320),
        side=8,
        dark_level=400.0,
        fields=24,
        degree=2,
        error=0.01,
        flatness_before=0.31,
        flatness_after=0.12,
        flatness_chance=0.1,
    )


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]


def test_every_channel_has_a_map_with_its_evenness_on_one_scale() -> None:
    lights = {"DAPI": light(0.3), "a $b$ channel": light(0.02), "few": flat((240, 320), "3 fields")}
    figure = light_of_plate(lights, "Week1_1")
    assert titles(figure) == [
        "DAPI\nunevenness 31%, corrected 12% (chance 10%)",
        "a $b$ channel\nunevenness 31%, corrected 12% (chance 10%)",
        "few\ntaken as flat: 3 fields",
    ]
    scales = {image.get_clim() for axes in figure.axes for image in axes.get_images()}
    assert len(scales) == 1
    low, high = scales.pop()
    assert high == -low == pytest.approx(30, abs=0.1)
    assert to_bytes(figure, "png")


@pytest.mark.parametrize("channels", [1, 5, 9])
def test_any_number_of_channels_and_the_smallest_fields_are_drawn(channels: int) -> None:
    lights = {f"c{number}": flat((1, 1), "1 field") for number in range(channels)}
    assert to_bytes(light_of_plate(lights, "P"), "png", 50)


def test_the_screen_has_a_panel_a_channel_and_names_its_plates() -> None:
    plates = {f"Week{number}": {"DAPI": light(0.2), "Actin": light(0.1)} for number in (10, 2)}
    plates["Week3"] = {"DAPI": flat((240, 320), "3 fields", 3)}
    figure = light_of_screen(illumination_table(plates))
    assert titles(figure) == ["DAPI", "Actin"]
    names = [label.get_text() for label in figure.axes[-1].get_xticklabels()]
    assert names == ["Week2", "Week3", "Week10"]
    again = light_of_screen(illumination_table(plates))
    assert to_bytes(figure, "svg") == to_bytes(again, "svg")


def test_no_mark_of_a_later_channel_lies_above_the_axis() -> None:
    table = illumination_table({"P1": {"DAPI": light(0.1), "Actin": light(0.4)}})
    table.loc[table["Channel"] == "Actin", "Light_FlatnessBefore"] *= 10
    figure = light_of_screen(table)
    highest = 100 * table["Light_FlatnessBefore"].max()
    assert all(axes.get_ylim()[0] == 0 for axes in figure.axes)
    assert all(axes.get_ylim()[1] > highest for axes in figure.axes)


def test_a_large_screen_names_as_many_plates_as_there_is_room_for() -> None:
    table = pd.concat(
        [illumination_table({f"P{number:03d}": {"DAPI": light(0.2)}}) for number in range(120)],
        ignore_index=True,
    )
    figure = light_of_screen(table)
    assert len(figure.axes[-1].get_xticklabels()) <= 40
    assert figure.get_size_inches()[0] <= 13


@pytest.mark.parametrize(
    ("plates", "channels", "name"),
    [(1, 1, "P{}"), (4, 3, "Week1_{:05d}"), (12, 6, "Week1_{:05d}"), (55, 3, "Week1_{:05d}"),
     (12, 2, "W" * 40 + "{}")],
)  # fmt: skip
def test_names_of_plates_and_channels_lie_within_the_picture(
    plates: int, channels: int, name: str
) -> None:
    lights = {f"c{number}": light(0.2) for number in range(channels)}
    figure = light_of_screen(
        illumination_table({name.format(number): lights for number in range(plates)})
    )
    figure.draw_without_rendering()
    panels = figure.axes
    assert len({round(axes.get_window_extent().height, 3) for axes in panels}) == 1
    surroundings = [box for axes in panels if (box := axes.get_tightbbox()) is not None]
    assert len(surroundings) == channels
    for above, around in zip(panels, surroundings[1:], strict=False):
        assert above.get_window_extent().y0 > around.y1
    for around in surroundings:
        assert min(around.x0, around.y0) >= 0
        assert around.x1 <= figure.bbox.x1
