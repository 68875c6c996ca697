"""Damaged annotation files end in annotations, findings or an error of ours; never otherwise."""

from __future__ import annotations

import pytest

from benchmarks.campaign import run, wrong


def test_mutated_annotations_end_well() -> None:
    """150 mutants: read, or refused with a reason, within the limits of memory and time."""
    ended = run("benchmarks.mutate_xml", seed=2, count=150)
    assert (len(ended), wrong(ended)) == (150, {})


@pytest.mark.system
def test_a_thousand_mutated_annotations_end_well() -> None:
    """The full campaign."""
    ended = run("benchmarks.mutate_xml", seed=1, count=1000)
    assert (len(ended), wrong(ended)) == (1000, {})
    assert {"read", "read with findings", "annotation_corrupt", "epoch_length_unexpected"} <= set(ended.values())
