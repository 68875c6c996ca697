"""Annotation files of the WFDB library (MIT format, ``.atr`` and the like): what is written at which sample.

Two bytes an annotation, little-endian: the type in the upper six bits, the samples since the last annotation in the
lower ten. Types 59 to 63 are not annotations but a longer interval, fields of the annotation before, or its text.

Source: WFDB Programmer's Guide and the type codes of its ``ecgcodes.h`` (physionet.org/content/wfdb).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.errors import AnnotationCorrupt, SourceMissing

__all__ = ["BEAT_SYMBOLS", "WfdbAnnotations", "read_wfdb_annotations"]

_SKIP, _NUM, _AUX = 59, 60, 63
_LONGEST_GAP = 2**31
_SYMBOLS = dict(enumerate('NLRaVFJASEj/Q~ | sT*D"=pB^t+u?![]en@xf()r', start=1))
BEAT_SYMBOLS = frozenset("NLRBAaJSVrFejnE/fQ?")
"""Symbols of QRS complexes, ectopic and unclassifiable ones included; flutter and blocked P waves are none."""


@dataclass(frozen=True)
class WfdbAnnotations:
    """All annotations of one file, in its order.

    Parameters
    ----------
    sample : ndarray, shape (n_annotation,), int64
        Sample of the recording, from 0.
    symbol : ndarray, shape (n_annotation,), str of length 1
        WFDB's symbol of the type; a space for types that have none.
    text : tuple of str
        The text of each annotation, or ``""``; free text unless a closed table knows it.
    """

    sample: NDArray[np.int64]
    symbol: NDArray[np.str_]
    text: tuple[str, ...] = field(repr=False, default=())

    @property
    def is_beat(self) -> NDArray[np.bool_]:
        """Which annotations are beats; shape (n_annotation,), bool."""
        return np.isin(self.symbol, sorted(BEAT_SYMBOLS))

    @property
    def beat_sample(self) -> NDArray[np.int64]:
        """Samples of the beats; shape (n_beat,), int64."""
        return self.sample[self.is_beat]


def read_wfdb_annotations(path: Path) -> WfdbAnnotations:
    """Read an annotation file.

    Parameters
    ----------
    path : Path
        A file in MIT format; its suffix is the annotator's name (``atr``, ``ecg``).

    Raises
    ------
    SourceMissing
        When there is no such file.
    AnnotationCorrupt
        When it ends within an annotation or without its end mark, or its times run backwards.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise SourceMissing("no annotation file", saw="nothing", expected="a WFDB annotation file") from None
    try:
        sample, code, text = _decode(content)
    except IndexError:
        raise AnnotationCorrupt(
            "annotation file ends too early",
            saw=f"{len(content)} bytes without an end mark",
            expected="two zero bytes at the end",
            why="Annotations may be missing.",
            do="Download it again.",
        ) from None
    if sample.size and (sample[0] < 0 or np.any(np.diff(sample) < 0)):
        raise AnnotationCorrupt(
            "annotation times run backwards",
            saw=f"a step of {int(np.diff(sample, prepend=0).min())} samples",
            expected="increasing samples",
            why="This is no annotation file in MIT format, or a damaged one.",
            do="Download it again.",
        )
    return WfdbAnnotations(sample, np.array([_SYMBOLS.get(c, " ") for c in code], dtype="U1"), tuple(text))


def _decode(content: bytes) -> tuple[NDArray[np.int64], list[int], list[str]]:
    """Return samples, types and texts; IndexError where the words end before the end mark."""
    words = np.frombuffer(content[: len(content) // 2 * 2], "<u2").tolist()
    at = sample = 0
    samples: list[int] = []
    codes: list[int] = []
    texts: list[str] = []
    while words[at]:
        code, value = words[at] >> 10, words[at] & 1023
        at += 1
        if code == _SKIP:  # a signed long, upper half first
            gap = (words[at] << 16) + words[at + 1]
            sample += gap - 2 * _LONGEST_GAP if gap >= _LONGEST_GAP else gap
            at += 2
        elif code == _AUX:
            if texts:
                texts[-1] = content[2 * at : 2 * at + value].decode("utf-8", errors="replace").strip("\0 \r\n\t")
            at += (value + 1) // 2
        elif code < _NUM:
            sample += value
            samples.append(sample)
            codes.append(code)
            texts.append("")
    return np.array(samples, np.int64), codes, texts
