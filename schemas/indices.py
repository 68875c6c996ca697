"""Indices of a night by name: what each counts and what it is divided by. There is no bare AHI.

A name of apneas and hypopneas tells its rule for hypopneas in the words of the NSRR's harmonised terms: ``hp3``
or ``hp4`` is the least desaturation in per cent, ``r`` accepts an arousal instead, ``u`` does not. How each is
computed is docs/indices.md; a published one may follow a rule that nothing here computes.

Source: NSRR harmonised terms (nsrr_ahi_*, nsrr_ttl*); AASM Manual, rules 1A and 1B of hypopneas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["INDICES", "PUBLISHED_ONLY", "IndexSpec"]


@dataclass(frozen=True)
class IndexSpec:
    """One index.

    Parameters
    ----------
    unit : str
    text : str
        What it is, in a line.
    far : tuple of float, or None
        Difference from the cohort's own number of the same rule that is worth a remark: in ``unit``, and as a part
        of the number; the larger counts. None where such numbers are not compared.
    """

    unit: str
    text: str
    far: tuple[float, float] | None = None


_DURATION = (10.0, 0.05)  # minutes and part: scorings cut at lights differ by some epochs
_RATE = (5.0, 0.25)  # events an hour and part: half a class of severity in a mild night

# What is computed, in the order of docs/indices.md.
INDICES: Mapping[str, IndexSpec] = MappingProxyType(
    {
        "tst_min": IndexSpec("min", "total sleep time", _DURATION),
        "tib_min": IndexSpec("min", "time in bed, lights off to lights on", _DURATION),
        "sleep_latency_min": IndexSpec("min", "lights off to the first epoch of sleep", _DURATION),
        "rem_latency_min": IndexSpec("min", "first epoch of sleep to the first of REM", _DURATION),
        "waso_min": IndexSpec(
            "min", "wake after the first epoch of sleep, to lights on or the end of scoring", _DURATION
        ),
        "efficiency_percent": IndexSpec("%", "total sleep time in time in bed", (5.0, 0.0)),
        "n1_min": IndexSpec("min", "time in N1", _DURATION),
        "n2_min": IndexSpec("min", "time in N2", _DURATION),
        "n3_min": IndexSpec("min", "time in N3", _DURATION),
        "rem_min": IndexSpec("min", "time in REM", _DURATION),
        "ahi_hp3r_aasm15": IndexSpec("1/h", "apneas, and hypopneas with a fall of 3 % or an arousal", _RATE),
        "ahi_hp4u_aasm15": IndexSpec("1/h", "apneas, and hypopneas with a fall of 4 %", _RATE),
        "ahi_hp3u": IndexSpec("1/h", "apneas, and hypopneas with a fall of 3 %", _RATE),
        "rei_hp3u": IndexSpec("1/h", "as ahi_hp3u, an hour of recording, where sleep is not known", _RATE),
        "rei_hp4u": IndexSpec("1/h", "as ahi_hp4u_aasm15, an hour of recording, where sleep is not known", _RATE),
        "cai": IndexSpec("1/h", "central apneas", _RATE),
        "arousal_index": IndexSpec("1/h", "arousals of all causes", _RATE),
        "limb_movement_index": IndexSpec("1/h", "scored limb movements of all kinds", None),
        "odi3": IndexSpec("1/h", "falls of saturation by 3 %", _RATE),
        "odi4": IndexSpec("1/h", "falls of saturation by 4 %", _RATE),
        "t90_percent": IndexSpec("%", "part of sleep with a saturation below 90 %", (5.0, 0.0)),
        "hypoxic_burden_linked3": IndexSpec(
            "% min/h", "area below the baselines of the falls by 3 % that go with apneas and hypopneas", None
        ),
    }
)

# Rules of published columns that nothing here computes: carried, never compared.
PUBLISHED_ONLY: Mapping[str, IndexSpec] = MappingProxyType(
    {
        "ahi_hp4r": IndexSpec("1/h", "apneas, and hypopneas with a fall of 4 % or an arousal"),
        "ahi_hp3r_aasm07": IndexSpec("1/h", "apneas, and hypopneas by the alternative rule of 2007"),
        "ahi_chicago1999": IndexSpec("1/h", "apneas and hypopneas by the rules of Chicago, 1999"),
        "rdi_all": IndexSpec("1/h", "all apneas and hypopneas, whatever their desaturation"),
        "rei_all": IndexSpec("1/h", "all respiratory events an hour of recording"),
        "oahi_hp3u": IndexSpec("1/h", "obstructive apneas, and hypopneas with a fall of 3 %"),
        "oahi_hp4u": IndexSpec("1/h", "obstructive apneas, and hypopneas with a fall of 4 %"),
        "plmi": IndexSpec("1/h", "periodic limb movements in series"),
    }
)
