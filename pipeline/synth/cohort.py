"""Writes a whole synthetic cohort: EDFs, annotations, tables, truth, and on demand broken files.

Every recording depends only on the seed, the recipe, its person and its visit: neither the number of nights nor
of workers changes its bytes.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.synth.edf_writer import write_edf
from pipeline.synth.faults import FAULTS
from pipeline.synth.night import Night, draw_night
from pipeline.synth.night_files import NightFiles
from pipeline.synth.noise import stream
from pipeline.synth.nsrr_xml_writer import nsrr_xml, scorer_concepts, scorer_stages, stages_as_published, write_text
from pipeline.synth.recipe import Recipe, VisitSpec, load_recipe
from pipeline.synth.rpoints_writer import rpoints_csv
from pipeline.synth.sensors import Sensor, plug_in, record
from pipeline.synth.tables import Fact, facts_of, table_text
from pipeline.synth.traits import confounder_of, draw_traits, later
from pipeline.synth.truth import write_json, write_truth
from schemas.errors import ManifestInvalid

__all__ = ["PlantedFault", "SynthReport", "complete_recording", "synthesise"]

_FAULTY_HOURS = 1.0  # broken nights need not be long
_UNBROKEN = "none"  # complete, and left so


@dataclass(frozen=True)
class PlantedFault:
    """One broken recording and what a conversion should make of it.

    Parameters
    ----------
    recording : str
        The EDF's stem.
    outcome : str
        A `schemas.vocabulary.Outcome`; where it is ``converted``, other findings of the night may turn it into
        ``converted_with_findings``.
    reason : str or None
        For failures: the error's `schemas.errors.PsgError.reason`.
    finding : str or None
        For the others: a code of `schemas.findings.FINDINGS` that must appear.
    """

    recording: str
    fault: str
    edf: str
    outcome: str
    reason: str | None
    finding: str | None


@dataclass(frozen=True)
class SynthReport:
    """What was written. Paths inside are relative to ``out``, which is the ``--root`` of a conversion."""

    out: Path
    recipe: str
    recordings: tuple[str, ...]
    faults: tuple[PlantedFault, ...]
    n_subject: int


@dataclass(frozen=True)
class _Job:
    out: Path
    recipe: str
    visit: int
    subject: int
    n_second: int
    seed: int
    confounder: str | None
    fault: str | None = None


@dataclass(frozen=True)
class _Made:
    stem: str
    edf: str
    facts: Mapping[str, Fact]
    traits: Mapping[str, Any]
    fault: str | None
    files: NightFiles


def synthesise(
    out: Path,
    *,
    recipe: str,
    nights: int,
    hours: float,
    seed: int,
    faults: bool | Sequence[str] = False,
    visits: int = 1,
    workers: int = 1,
    confound: str | None = None,
) -> SynthReport:
    """Write a synthetic cohort under ``out``.

    Parameters
    ----------
    out : Path
        Becomes the ``--root`` of a conversion; the truth lies in ``out/truth``.
    recipe : str
        One of `pipeline.synth.recipe.recipe_names`.
    nights : int
        Plain recordings, one a person unless ``visits`` is 2.
    hours : float
        Length of each; at least two minutes.
    faults : bool or sequence of str
        True adds one broken recording for every fault of `pipeline.synth.faults.FAULTS`, names add those. Each
        gets a person of its own.
    workers : int
        Processes.
    confound : str, optional
        ``site=age``, ``site=sex``, ``site=bmi`` or ``site=ahi``: the site is decided by that trait.

    Returns
    -------
    SynthReport

    Raises
    ------
    ManifestNotFound
        No such recipe.
    ManifestInvalid
        The recipe has fewer visits, no such fault or confound, or a length under two minutes.
    """
    cohort = load_recipe(recipe)
    names = _fault_names(faults)
    if not 1 <= visits <= len(cohort.visits):
        raise ManifestInvalid("the recipe has no such visit", saw=visits, expected=f"1 to {len(cohort.visits)}")
    if nights < 0 or hours * 3600 < 120:
        raise ManifestInvalid(
            "too little to synthesise", saw=f"{nights} nights of {hours} h", expected="two minutes"
        )
    jobs = _plan(out, cohort, nights, round(hours * 3600), seed, names, visits, confounder_of(confound))
    made = list(_run(jobs, workers))
    planted = tuple(_planted(m.stem, m.edf, m.fault) for m in made if m.fault)
    _write_tables(out, cohort, made, seed)
    write_json(out / "truth" / "subjects.json", [{"recording": m.stem, **m.traits} for m in made])
    write_json(out / "truth" / "faults.json", [vars(fault) for fault in planted])
    plain = tuple(m.stem for m in made if m.fault is None)
    return SynthReport(out, recipe, plain, planted, len({job.subject for job in jobs}))


def _fault_names(faults: bool | Sequence[str]) -> tuple[str, ...]:
    if isinstance(faults, bool):
        return tuple(FAULTS) if faults else ()
    unknown = sorted(set(faults) - set(FAULTS))
    if unknown:
        raise ManifestInvalid("no such fault", saw=", ".join(unknown)[:80], expected=", ".join(FAULTS))
    return tuple(faults)


def _plan(
    out: Path,
    recipe: Recipe,
    nights: int,
    n_second: int,
    seed: int,
    faults: Sequence[str],
    visits: int,
    confounder: str | None,
) -> list[_Job]:
    jobs = [
        _Job(out, recipe.name, night % visits, night // visits, n_second, seed, confounder)
        for night in range(nights)
    ]
    first = -(-nights // visits)
    short = min(n_second, round(_FAULTY_HOURS * 3600))
    broken = [
        _Job(out, recipe.name, 0, first + i, short, seed, confounder, fault) for i, fault in enumerate(faults)
    ]
    return jobs + broken


def _run(jobs: Sequence[_Job], workers: int) -> Iterable[_Made]:
    if workers <= 1 or len(jobs) <= 1:
        yield from map(_make, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        yield from pool.map(_make, jobs)


def complete_recording(out: Path, *, recipe: str, hours: float, seed: int, subject: int = 0) -> NightFiles:
    """Write one recording of which no sensor is missing or fails, to be broken by `pipeline.synth.faults_sensors`.

    Parameters
    ----------
    out : Path
        Becomes the ``--root`` of a conversion; there are no subjects' tables.
    subject : int
        Number of the person within the cohort, from 0.
    """
    return _make(_Job(out, recipe, 0, subject, round(hours * 3600), seed, None, _UNBROKEN)).files


def _make(job: _Job) -> _Made:
    """Write one recording and its truth."""
    recipe = load_recipe(job.recipe)
    visit = recipe.visits[job.visit]
    path = (recipe.name, "subject", job.subject, visit.name)
    traits = later(draw_traits(recipe, job.seed, job.subject, job.confounder), visit.years_later)
    rng = stream(job.seed, *path, "scoring")
    offset_s = float(rng.choice(visit.grid_offsets_s))
    night = draw_night(traits, job.n_second, seed=job.seed, path=path, offset_s=offset_s)
    code = scorer_stages(rng, recipe.scoring, night.stage)
    concepts = scorer_concepts(rng, recipe.scoring, night.events)
    sensors = plug_in(recipe, visit, night, complete=job.fault is not None)
    edf, xml = _paths(recipe, visit, job.subject)
    write_edf(
        job.out / edf,
        [sensor.header for sensor in sensors],
        record(night, sensors),
        n_record=night.n_second,
        clock_start_s=night.clock_start_s,
    )
    text = nsrr_xml(
        recipe.scoring,
        code,
        night.events,
        concepts,
        offset_s=offset_s,
        n_second=night.n_second,
        clock_start_s=night.clock_start_s,
    )
    write_text(job.out / xml, text)
    _write_rpoints(job, recipe, visit, night, sensors)
    stem = Path(edf).stem
    write_truth(job.out / "truth" / f"{stem}.npz", night, code, concepts, sensors)
    files = NightFiles(job.out / edf, job.out / xml, sensors, stream(job.seed, *path, "fault"))
    if job.fault not in (None, _UNBROKEN):
        FAULTS[job.fault].apply(files)
    facts = facts_of(recipe, visit, job.subject, traits, stages_as_published(code), night)
    about = {"subject": recipe.subject_id(job.subject), "visit": visit.name, "hours": job.n_second / 3600}
    return _Made(stem, edf, facts, {**about, **traits.to_json()}, job.fault, files)


def _write_rpoints(job: _Job, recipe: Recipe, visit: VisitSpec, night: Night, sensors: Sequence[Sensor]) -> None:
    """Publish the beats, where the cohort does and the night has an ECG."""
    ecg = next((sensor for sensor in sensors if sensor.spec.source == "ecg"), None)
    if visit.rpoints and ecg:
        subject = recipe.subject_id(job.subject)
        write_text(
            job.out / visit.rpoints.format(subject=subject), rpoints_csv(night.beats, subject, ecg.header.rate_hz)
        )


def _paths(recipe: Recipe, visit: VisitSpec, subject: int) -> tuple[str, str]:
    name = recipe.subject_id(subject)
    return visit.edf.format(subject=name), visit.nsrr_xml.format(subject=name)


def _planted(stem: str, edf: str, name: str) -> PlantedFault:
    fault = FAULTS[name]
    return PlantedFault(stem, name, edf, str(fault.outcome), fault.reason, fault.finding)


def _write_tables(out: Path, recipe: Recipe, made: Sequence[_Made], seed: int) -> None:
    listed = [m.facts for m in made if m.fault is None or not FAULTS[m.fault].unlisted]
    for table in recipe.tables:
        write_text(out / table.path, table_text(recipe, table, listed, seed))
