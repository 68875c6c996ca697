"""Commands whose options take several words: ``--modalities eeg ibi resp``."""

from __future__ import annotations

import click

__all__ = ["MODALITIES", "SPLITS", "STUDY_TYPES", "ManyWords"]

# Tests hold them to the vocabulary, which takes too long to import for a help text.
MODALITIES = ("eeg", "eog", "emg", "ecg", "airflow", "belt", "spo2", "ibi", "resp")
SPLITS = ("train", "val", "test", "external")
STUDY_TYPES = ("diagnostic", "split", "titration", "mslt", "hsat", "unknown")
_WORDS = {"--modalities": MODALITIES, "--split": SPLITS, "--study-type": ("all", *STUDY_TYPES)}


class ManyWords(click.Command):
    """A command whose options of a closed list take all the words that follow and that they know."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before every word."""
        return super().parse_args(ctx, _spread(args))


def _spread(args: list[str]) -> list[str]:
    """Repeat an option before each of the words after it that it knows."""
    spread: list[str] = []
    option, is_first = "", False
    for word in args:
        if word in _WORDS:
            option, is_first = word, True
        elif is_first:
            is_first = False
        elif word in _WORDS.get(option, ()):
            spread.append(option)
        else:
            option = ""
        spread.append(word)
    return spread
