"""The study: does pre-training, every modality, the loss's terms help on synthetic cohorts, and by how much?

Settings are benchmarks/study.yaml, what is compared with what benchmarks/study_analysis.py; both were committed
before any comparison on these persons and seeds was run. Networks and sets lie below out, answers in the campaign's
steps: a study that was killed goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks import evidence
from benchmarks.evidence import Figures, Parameters, Progress
from benchmarks.study_data import make_data

__all__ = ["study", "study_settings"]

FOLDER = evidence.ROOT / "out" / "study"
_INTERVALS = (("resp",), ("ibi", "resp"))  # subsets by which belts and intervals are compared, beside all


def study_settings() -> dict[str, Any]:
    """Return the settings as they were committed."""
    import yaml

    found: dict[str, Any] = yaml.safe_load((evidence.ROOT / "benchmarks" / "study.yaml").read_text("utf-8"))
    return found


def study(progress: Progress, parameters: Parameters, folder: Path = FOLDER) -> Figures:
    """Train every arm with every seed, ask it about the persons that were held out, and compare."""
    import torch

    from benchmarks.study_analysis import compared

    torch.set_num_threads(parameters["threads"])
    data = progress.once("data", lambda: make_data(folder / "data", parameters["data"]))
    answers: dict[str, list[Any]] = {}
    for seed in parameters["seeds"]:
        trial = Trial(folder, parameters, seed)
        for name, step in trial.steps().items():
            answers.setdefault(name, []).append(progress.once(f"seed {seed}: {name}", step))
            print(f"seed {seed}: {name}", flush=True)
    return {"data": data} | compared(answers, parameters)


@dataclass(frozen=True)
class Trial:
    """All arms of one seed."""

    folder: Path
    parameters: Parameters
    seed: int

    def steps(self) -> dict[str, Callable[[], Any]]:
        """Return what is to be done, in order: name to work, each of which needs those before it."""
        few = self.parameters["few_shot"]["persons"]
        return {
            "pretrain dash": lambda: self._pretrain("dash"),
            "pretrain infonce": lambda: self._pretrain("infonce"),
            "gradient": self._gradient,
            "probes": self._probes,
            "dash": lambda: self._scores("dash", self._chains(), "test") | self._scores("dash", [()], "external"),
            "infonce": lambda: self._scores("infonce", [()], "external"),
            "subsets": self._subsets,
            **{f"few {k} {arm}": self._few(k, arm) for k in few for arm in ("dash", "scratch")},
            **{f"single {name}": self._single(name) for name in self._modalities},
            "pretrain intervals": lambda: self._pretrain("intervals"),
            "intervals": lambda: self._scores("intervals", [*_INTERVALS, ()], "test"),
        }

    # --- training ------------------------------------------------------------------------------------------

    @cached_property
    def _run(self) -> Any:
        from model.config import preset

        run = preset("tiny", **self.parameters["pretraining"])
        return replace(run, name="study", seed=self.seed)

    @property
    def _modalities(self) -> tuple[str, ...]:
        names: tuple[str, ...] = self._run.model.modalities
        return names

    def _shards(self, arm: str) -> Path:
        return self.folder / "data" / ("intervals" if arm == "intervals" else "belts")

    def _at(self, name: str) -> Path:
        return self.folder / f"seed-{self.seed}" / name.replace(" ", "-")

    def _pretrain(self, arm: str) -> Figures:
        """DASH, plain InfoNCE, or DASH on the set with intervals."""
        from model.alignment import alignment
        from model.experiments.arms import pretrained

        run = replace(self._run, loss=self._run.loss.plain()) if arm == "infonce" else self._run
        path = pretrained(run, self._shards(arm), self._at(f"pretrain {arm}"))
        found = alignment(path, self._shards(arm), split="test", n_batch=4)
        return {"aligned": sum(found["accuracy"].values()) / len(found["accuracy"]), "chance": found["chance"]}

    def _tuned(self, arm: str, name: str, **tuning: Any) -> Any:
        from model.experiments.arms import Tuning, tuned

        path = None if arm == "scratch" else self._at(f"pretrain {arm}")
        return tuned(self._run, Tuning(**tuning), self._shards(arm), self._at(name), checkpoint_of=path)

    # --- answers -------------------------------------------------------------------------------------------

    def _chains(self) -> list[tuple[str, ...]]:
        """All, one after the other removed, each alone, and what intervals are compared by; () is all."""
        order = self.parameters["removed_in_order"]
        removed = [tuple(m for m in self._modalities if m not in order[:n]) for n in range(1, len(order) + 1)]
        singles = [(name,) for name in self._modalities]
        return list(dict.fromkeys([(), *removed, *singles, *_INTERVALS]))

    def _scores(self, arm: str, subsets: list[tuple[str, ...]], split: str) -> Figures:
        model = self._tuned(arm, f"stage {arm}", **self.parameters["fine_tuning"])
        return {split: self._asked(model, arm, subsets, split)}

    def _asked(self, model: Any, arm: str, subsets: list[tuple[str, ...]], split: str) -> Figures:
        """Return persons, and confusion matrices by the subset's name; ``all`` for ()."""
        from model.data.loader import Options, open_nights
        from model.experiments.subsets import score_subsets, subset_name

        asked = [subset or self._modalities for subset in subsets]
        nights = open_nights(self._shards(arm), options=Options(split=split, modalities=self._modalities))
        scores = score_subsets(model, nights, list(dict.fromkeys(asked)))
        counts = {subset_name(s) or "all": scores.counts[a].tolist() for s, a in zip(subsets, asked, strict=True)}
        return {"person": scores.subject, "counts": counts}

    def _subsets(self) -> dict[str, list[list[int]]]:
        """Every subset, nights pooled."""
        from model.experiments.subsets import every_subset

        model = self._tuned("dash", "stage dash", **self.parameters["fine_tuning"])
        found = self._asked(model, "dash", every_subset(self._modalities), "test")["counts"]
        return {
            name: [[sum(cell) for cell in zip(*row, strict=True)] for row in zip(*nights, strict=True)]
            for name, nights in found.items()
        }

    def _few(self, n_person: int, arm: str) -> Callable[[], Figures]:
        def work() -> Figures:
            tuning = self.parameters["fine_tuning"] | {"n_step": self.parameters["few_shot"]["n_step"]}
            model = self._tuned(arm, f"few {n_person} {arm}", n_person=n_person, **tuning)
            return {"test": self._asked(model, arm, [()], "test")}

        return work

    def _single(self, name: str) -> Callable[[], Figures]:
        def work() -> Figures:
            model = self._tuned("dash", f"single {name}", modalities=(name,), **self.parameters["fine_tuning"])
            return {"test": self._asked(model, "dash", [(name,)], "test")}

        return work

    def _probes(self) -> Mapping[str, Any]:
        from benchmarks.study_networks import probes

        return {arm: probes(self._at(f"pretrain {arm}"), self._shards(arm)) for arm in ("dash", "infonce")}

    def _gradient(self) -> Mapping[str, float]:
        from benchmarks.study_networks import gradient

        return gradient(self._at("pretrain dash"), self._shards("dash"), seed=self.seed)
