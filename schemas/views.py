"""Named band views: what a set of training shards keeps of the waves' frequencies, by kind of channel.

Edges are -6 dB, zero phase, on top of the band that a recording store has: an edge that is not inside that band, or
above half the stored rate, changes nothing. Kinds that a view does not name stay as they are stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from schemas.kinds import Kind

__all__ = ["VIEWS", "View"]


@dataclass(frozen=True)
class View:
    """One view.

    Parameters
    ----------
    bands : mapping of Kind to (float, float), hertz
        Lower and upper edge.
    source : str
        Who says so.
    """

    name: str
    bands: Mapping[Kind, tuple[float, float]]
    source: str

    def to_json(self) -> dict[str, Any]:
        """Return the view as a set tells it."""
        return {
            "name": self.name,
            "source": self.source,
            "bands_hz": {str(kind): list(edges) for kind, edges in self.bands.items()},
        }


# The manual is not free to read: the edges are as it is commonly quoted, and not checked against its text. What
# lies beyond the stored rate (above 64 Hz of waves at 128 Hz, 2 Hz of those at 4 Hz) changes nothing.
_AASM = View(
    "aasm",
    {
        Kind.EEG: (0.3, 35.0),
        Kind.EOG: (0.3, 35.0),
        Kind.EMG: (10.0, 100.0),
        Kind.ECG: (0.3, 70.0),
        Kind.AIRFLOW: (0.1, 15.0),  # thermal sensors; public code quotes the manual so
        # The least certain: quoted as "DC or at most 0.03 Hz", and as 0.1 to 15 Hz; the wider one is taken.
        Kind.NASAL_PRESSURE: (0.03, 100.0),
        Kind.BELT: (0.1, 15.0),
    },
    "AASM Manual for the Scoring of Sleep and Associated Events, version 3, recommended filter settings",
)
# No band for the ECG of ambulatory recorders: 0.67 to 40 Hz is often told, no source that can be read says so.
_WEARABLE = View(
    "wearable",
    {
        Kind.EEG: (0.4, 35.0),  # band-pass of a headband's filtered channels, as its files' readers tell it
        Kind.EOG: (0.4, 35.0),  # a headband has no leads for it: the same electrodes, the same filter
    },
    "Headband, filtered channels of its files; the device: Arnal et al. 2020 (doi:10.1093/sleep/zsaa097)",
)

VIEWS: Mapping[str, View] = MappingProxyType({view.name: view for view in (_AASM, _WEARABLE)})
