from __future__ import annotations

import pytest

from phenovae.screen.bbbc021.knowledge import facts, published, rules


def test_channels_stand_in_the_order_of_the_tables_with_their_tags() -> None:
    assert list(facts().channels.items()) == [("DAPI", 1), ("Tubulin", 2), ("Actin", 4)]


def test_crops_stack_every_channel_once() -> None:
    assert facts().crop_channels == ("DAPI", "Actin", "Tubulin")
    assert sorted(facts().crop_channels) == sorted(facts().channels)


def test_a_pixel_has_a_size_in_micrometres() -> None:
    assert facts().pixel_size_um == pytest.approx(0.656)


def test_taxol_at_one_dose_is_the_one_positive_control() -> None:
    (taxol,) = rules().positive_controls
    assert (taxol.compound, taxol.concentration) == ("taxol", 0.3)
    (place,) = taxol.treatment_wells
    assert (place.batch, place.wells) == ("Week1", ("D05",))
    assert rules().negative_controls == ("DMSO",)
    assert rules().other == ("UNKNOWN",)


def test_every_published_figure_has_a_source_and_a_caveat() -> None:
    assert len(published()) >= 10
    for result in published():
        assert result.source
        assert result.caveat
        assert result.nsc is not None or result.nscb is not None
    assert len({result.work for result in published()}) == len(published())


def test_published_shares_are_those_of_their_counts() -> None:
    told = [(result.nsc, result.nsc_count, 103) for result in published()]
    told += [(result.nscb, result.nscb_count, 92) for result in published()]
    counted = [(share, count, total) for share, count, total in told if count]
    assert counted
    for share, count, total in counted:
        correct, _, of = count.partition("/")
        assert int(of) == total
        assert share == pytest.approx(100 * int(correct) / total, abs=0.05)
