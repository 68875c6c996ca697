"""Write beats as the National Sleep Research Resource publishes them; see `pipeline.read.rpoints`."""

from __future__ import annotations

import numpy as np

from pipeline.synth.cardiac import AF, NORMAL, SUPRAVENTRICULAR, VENTRICULAR, Beats
from schemas.vocabulary import EPOCH_S

__all__ = ["rpoints_csv"]

_COUNT_HZ = 256  # of every sample number but rpointadj, whatever the rate of the ECG
_HEADER = (
    "RPoint,Start,End,STLevel1,STSlope1,STLevel2,STSlope2,Manual,Type,Class,PPoint,PStart,PEnd,TPoint,TStart,TEnd,"
    "TemplateID,nsrrid,samplingrate,seconds,epoch,rpointadj"
)
_TYPE = {
    NORMAL: 1,
    VENTRICULAR: 2,
    SUPRAVENTRICULAR: 3,
    AF: 1,
}  # its codes have none for fibrillation
_BEFORE, _AFTER = 16, 24  # samples from a beat's start to its R-point, and from there to its end


def rpoints_csv(beats: Beats, subject: str, ecg_rate_hz: int) -> str:
    """Return the file's text: one row a beat, its time to the nearest sample of 256 Hz.

    Parameters
    ----------
    beats : Beats
        From the start of the recording.
    subject : str
        As in the file's name.
    ecg_rate_hz : int
        Of the ECG in the EDF.
    """
    count = np.rint(beats.time_s * _COUNT_HZ).astype(np.int64)
    rows = [_HEADER]
    for n, kind in zip(count.tolist(), beats.type.tolist(), strict=True):
        second = n / _COUNT_HZ
        rows.append(
            f"{n},{n - _BEFORE},{n + _AFTER},0,0,0,0,False,{_TYPE[kind]},0,-1,-1,-1,-1,-1,-1,0,{subject},"
            f"{ecg_rate_hz},{second},{int(second // EPOCH_S) + 1},{second * ecg_rate_hz}"
        )
    return "\n".join(rows) + "\n"
