"""Every number that a run can change, with its source; nothing is read from anywhere else.

``paper`` marks what the paper or its authors' defaults give (arXiv 2602.13857); a run's configuration is kept
beside its checkpoints, so that a checkpoint can always be opened again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, Self

from schemas.errors import ModelError
from schemas.shard import modality_kind
from schemas.vocabulary import Modality

__all__ = ["PRESETS", "LossConfig", "ModelConfig", "OptimConfig", "RunConfig", "preset", "with_values"]


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the network.

    Parameters
    ----------
    modalities : tuple of str
        One tokenizer each, in this order.
    width : int
        Of the encoder.
    token_width : int
        Of a tokenizer's output, before the shared input map.
    norm : {"post", "pre"}
        Where a block's LayerNorm is; the paper's RoFormer has it after.
    mask_share : float
        Share of a window's valid tokens that are replaced while pre-training.
    """

    modalities: tuple[str, ...] = tuple(modality.value for modality in Modality)
    token_width: int = 768
    width: int = 768
    n_layer: int = 12
    n_head: int = 16
    ffn_width: int = 3072
    dropout: float = 0.1
    norm: Literal["post", "pre"] = "post"
    projection_width: int = 128
    mask_share: float = 0.15  # paper: 18 of 120 tokens

    def __post_init__(self) -> None:
        unknown = set(self.modalities) - {modality.value for modality in Modality}
        if unknown or not self.modalities:
            raise ModelError(
                "the model's modalities are not known",
                saw=", ".join(sorted(unknown)) or "none",
                expected=", ".join(Modality),
            )
        if self.width % self.n_head or (self.width // self.n_head) % 2:
            raise ModelError(
                "the encoder's width does not fit its heads",
                saw=f"{self.width} over {self.n_head} heads",
                expected="an even width a head: rotary positions turn pairs",
            )

    def n_sample(self, modality: str) -> int:
        """Return the samples of one token: 3840 at 128 Hz, 120 at 4 Hz."""
        return modality_kind(Modality(modality)).rate_class.n_per_epoch


@dataclass(frozen=True)
class LossConfig:
    """DASH-InfoNCE; with every term off it is plain InfoNCE.

    Parameters
    ----------
    age_years : float or None
        Age difference at which a negative's weight has fallen to 1/e; None switches the term off.
    sex, site : tuple of (same, different) or None
        Factors of the weight; None switches the term off.
    margin : float
        Subtracted from the similarity of negatives of the same subject; 0 switches it off.
    epsilon : float
        Added to the weight of negatives of the same subject.
    across_ranks : bool
        Whether windows of other processes are negatives too; else each process has its own loss.
    """

    temperature: float = 0.2
    age_years: float | None = 20.0
    sex: tuple[float, float] | None = (1.0, 0.8)
    site: tuple[float, float] | None = (1.3, 0.8)
    margin: float = 0.10
    epsilon: float = 1e-6
    across_ranks: bool = True

    def plain(self) -> LossConfig:
        """Return the same temperature without any other term: InfoNCE."""
        return replace(self, age_years=None, sex=None, site=None, margin=0.0, epsilon=0.0)


@dataclass(frozen=True)
class OptimConfig:
    """Optimisation; the paper's numbers are those of ``base``."""

    learning_rate: float = 5e-5
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 1e-2  # not on norms, biases and learnt vectors
    warm_up_share: float = 0.03
    final_share: float = 0.1  # cosine to a tenth
    clip_norm: float = 1.0
    ema_start: float = 0.996  # to 1 along a cosine; the averaged weights are evaluated
    batch: int = 320
    accumulate: int = 1
    n_step: int = 100_000
    window: int = 120  # epochs
    precision: Literal["float32", "bf16"] = "bf16"
    checkpoint_every: int = 1000
    log_every: int = 20


@dataclass(frozen=True)
class RunConfig:
    """A whole run."""

    name: str = "base"
    seed: int = 0
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Self:
        """Rebuild from `to_json`; a key that nobody knows is an error, one that is absent has its default."""
        return _built(cls, facts, "configuration")


def _built(kind: Any, facts: dict[str, Any], where: str) -> Any:
    if not isinstance(facts, dict):
        raise ModelError(f"the {where} is no table of values", saw=type(facts).__name__, expected="a JSON object")
    known = {entry.name: entry for entry in fields(kind)}
    if unknown := sorted(set(facts) - set(known)):
        raise ModelError(
            f"the {where} has a key that nobody knows",
            saw=", ".join(unknown),
            expected=", ".join(known),
            do="Look for a misspelling.",
        )
    default = kind()
    values = {}
    for name, value in facts.items():
        own = getattr(default, name)
        if is_dataclass(own):
            values[name] = _built(type(own), value, name)
        elif not _alike(own, value):
            raise ModelError("a number of the configuration has another type", saw=value, expected=own, where=name)
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)


_TINY = ModelConfig(token_width=64, width=64, n_layer=2, n_head=4, ffn_width=128, projection_width=32)

PRESETS: dict[str, RunConfig] = {
    "tiny": RunConfig(
        "tiny",
        model=_TINY,
        optim=OptimConfig(
            learning_rate=1e-3,
            ema_start=0.96,  # over 200 steps 0.996 would leave two thirds of the first weights in the average
            batch=16,
            n_step=200,
            window=40,
            precision="float32",
            checkpoint_every=100,
        ),
    ),
    "base": RunConfig(),
    "large": RunConfig("large", model=ModelConfig(token_width=768, width=1024, n_layer=16)),
}


def preset(name: str, **optim: Any) -> RunConfig:
    """Return a named configuration, with other numbers of its optimisation where they are given.

    Raises
    ------
    ModelError
        When nobody knows the name.
    """
    if name not in PRESETS:
        raise ModelError("no configuration has this name", saw=name, expected=", ".join(PRESETS))
    run = PRESETS[name]
    return replace(run, optim=replace(run.optim, **optim)) if optim else run


def with_values(run: RunConfig, values: dict[str, Any]) -> RunConfig:
    """Return a run with some numbers changed, by name: ``{"loss.margin": 0.2, "optim.batch": 64}``.

    Raises
    ------
    ModelError
        When a name is none of the configuration's, or a value has another type.
    """
    facts = run.to_json()
    for name, value in values.items():
        part, _, key = name.rpartition(".")
        own = facts if not part else facts.get(part)
        if not isinstance(own, dict) or key not in own or isinstance(own[key], dict):
            known = [f"{p}.{k}" for p, v in facts.items() if isinstance(v, dict) for k in v]
            raise ModelError("the configuration has no such number", saw=name, expected=", ".join(known))
        if not _alike(own[key], value):
            raise ModelError(
                "a number of the configuration has another type", saw=value, expected=own[key], where=name
            )
        own[key] = value
    return RunConfig.from_json(facts)


def _alike(default: Any, value: Any) -> bool:
    """Return whether a value may stand where the default does; None switches a term off."""
    if value is None or default is None:
        return True
    if isinstance(default, (list, tuple)):
        return isinstance(value, (list, tuple))
    if isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, type(default))
