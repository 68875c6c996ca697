"""The study's analysis: a pure function of the answers, written before any were there.

Every comparison is a paired difference with a 95 % interval over persons and seeds, whichever way it falls. A null
result closes a question as well as a win; nothing is tuned afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks.evidence import Bar, Figures, Parameters

__all__ = ["BARS", "compared"]

BARS = (
    Bar("data.clock_kappa", most=0.4),  # nights that the time tells say nothing about modalities
    Bar("subsets.n", least=511),
    Bar("subsets.n_failed", most=0),
    Bar("all_over_best_single", least=-0.02),
    Bar("gradient.largest_deviation", most=1e-4),
    Bar("gradient.homogeneous_deviation", most=1e-6),
)
Answers = Mapping[str, Sequence[Any]]  # step to what it found, a seed each


def compared(answers: Answers, parameters: Parameters) -> Figures:
    """Return all comparisons, the bars' figures, and what they are made of."""
    return _Analysis(answers, parameters).figures()


@dataclass(frozen=True)
class _Analysis:
    answers: Answers
    parameters: Parameters

    def figures(self) -> Figures:
        answers, dash = self.answers, self.answers["dash"]
        singles = [name.removeprefix("single ") for name in answers if name.startswith("single ")]
        trained = {name: self._kappas(dash, "all", answers[f"single {name}"], name) for name in singles}
        given = {name: self._kappas(dash, "all", dash, name) for name in singles}
        smallest = min(found["value"] for found in (*trained.values(), *given.values()))
        return {
            "pretraining": {arm: _means(answers[f"pretrain {arm}"]) for arm in ("dash", "infonce", "intervals")},
            "few_shot": {
                f"k{k}": self._kappas(answers[f"few {k} dash"], "all", answers[f"few {k} scratch"], "all")
                for k in self.parameters["few_shot"]["persons"]
            },
            "over_single_trained": trained,
            "over_single_given": given,
            "all_over_best_single": smallest,
            "removed": self._removed(singles),
            "subsets": _subsets(answers["subsets"]),
            "left_out": self._left_out(),
            "intervals": {
                name.replace("+", "_"): self._kappas(dash, name, answers["intervals"], name)
                for name in ("resp", "ibi+resp", "all")
            },
            "gradient": _gradient(answers["gradient"]),
        }

    def _removed(self, modalities: Sequence[str]) -> Figures:
        """All modalities less what is left after each removal."""
        found, order, dash = {}, self.parameters["removed_in_order"], self.answers["dash"]
        for n, name in enumerate(order, start=1):
            left = [m for m in modalities if m not in order[:n]]
            found[f"n{n}_{name}"] = self._kappas(dash, "all", dash, "+".join(left))
        return found

    def _left_out(self) -> Figures:
        """DASH less plain InfoNCE: stages and ages in the cohort left out, ages and sites in the others."""
        dash, infonce = self.answers["dash"], self.answers["infonce"]
        return {
            "stages_kappa": self._kappas(dash, "all", infonce, "all", "external"),
            "age_error": self._probed("age", "external"),
            "age_error_inside": self._probed("age", "test"),
            "site_read_inside": self._probed("site", "test"),
        }

    # --- pairs ---------------------------------------------------------------------------------------------

    def _kappas(
        self, a: Sequence[Any], subset_a: str, b: Sequence[Any], subset_b: str, split: str = "test"
    ) -> Figures:
        """Compare κ of one arm with a subset with that of another, over the same nights."""
        from model.metrics import kappa

        persons = [found[split]["person"] for found in (*a, *b)]
        assert all(own == persons[0] for own in persons), "the arms answered other nights"
        arms = [[found[split]["counts"][name] for found in arm] for arm, name in ((a, subset_a), (b, subset_b))]
        return self._paired(*arms, persons[0], kappa)

    def _probed(self, what: str, split: str) -> Figures:
        """Compare a mean of what a line reads from DASH's network with that from plain InfoNCE's."""
        from model.experiments.compare import mean_error

        found = self.answers["probes"]
        arms = [[own[arm][split][what] for own in found] for arm in ("dash", "infonce")]
        return self._paired(*arms, found[0]["dash"][split]["person"], mean_error)

    def _paired(self, a: Any, b: Any, person: Sequence[int], measure: Any) -> Figures:
        from model.experiments.compare import paired_difference

        n_draw = self.parameters["n_draw"]
        return paired_difference(np.array(a), np.array(b), person, measure, n_draw=n_draw).to_json()


def _subsets(answers: Sequence[Mapping[str, Any]]) -> Figures:
    """Every subset, nights and seeds pooled; one without a κ has failed."""
    from model.metrics import kappa

    value = {name: kappa(sum(np.array(found[name]) for found in answers)) for name in answers[0]}
    known = {name: k for name, k in value.items() if np.isfinite(k)}
    sizes = range(1, max(name.count("+") for name in known) + 2)
    by_size = {n: [k for name, k in known.items() if name.count("+") == n - 1] for n in sizes}
    worst, best = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    return {
        "n": len(value),
        "n_failed": len(value) - len(known),
        "least": known[worst],
        "least_of": worst,
        "median": median(known.values()),
        "most": known[best],
        "most_of": best,
        "mean_by_size": {f"n{n}": float(np.mean(own)) for n, own in by_size.items()},
    }


def _gradient(found: Sequence[Mapping[str, Any]]) -> Figures:
    arms = {
        arm: {name: float(np.mean([own[arm][name] for own in found])) for name in ("measured", "formula")}
        for arm in ("dash", "infonce")
    }
    return arms | {
        "largest_deviation": max(own[arm]["deviation"] for own in found for arm in arms),
        "homogeneous_deviation": max(own["homogeneous_deviation"] for own in found),
    }


def _means(found: Sequence[Mapping[str, float]]) -> Figures:
    return {name: float(np.mean([own[name] for own in found])) for name in found[0]}
