"""Pictures of a run show the numbers they are given, with titles, units and labels."""

from __future__ import annotations

import numpy as np

from flows.figures import draw_alignment, draw_confusion, draw_losses


def test_losses_have_a_panel_a_run() -> None:
    """Every loss is a point at its step, and the median of a straight line is the line where it is whole."""
    losses = [5.0 - 0.1 * k for k in range(40)]
    figure = draw_losses({"pre-training": losses, "fine-tuning": losses[:3]})
    first, last = figure.axes
    points, median = first.lines
    assert np.asarray(points.get_xydata()).tolist() == [[k + 1, loss] for k, loss in enumerate(losses)]
    assert np.asarray(median.get_ydata())[7:33].tolist() == losses[7:33]
    assert (first.get_title(), last.get_title()) == ("pre-training", "fine-tuning")
    assert (first.get_xlabel(), first.get_ylabel()) == ("step", "loss (nats)")


def test_alignment_is_a_symmetric_matrix() -> None:
    """Each pair stands in both halves, in percent; a pair that nobody measured is empty."""
    found = {"n_window": 8, "chance": 0.125, "accuracy": {"eeg-ibi": 0.25, "ibi-resp": 0.9}}
    (axes,) = draw_alignment(found).axes
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["eeg", "ibi", "resp"]
    words = np.array([text.get_text() for text in axes.texts]).reshape(3, 3)
    assert words.tolist() == [["", "25", ""], ["25", "", "90"], ["", "90", ""]]
    assert "among 8, in % (by chance 12)" in axes.get_title()


def test_confusion_has_counts_and_shares_of_the_row() -> None:
    """Rows are what was scored; a class that was never scored has shares of nothing."""
    (axes,) = draw_confusion([[3, 1], [0, 0]], ["W", "N1"], "two stages").axes
    assert [text.get_text() for text in axes.texts] == ["3\n75 %", "1\n25 %", "0\n0 %", "0\n0 %"]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("answered", "scored", "two stages")
