"""Every number that a run can change, with its source; nothing is read from anywhere else.

``paper`` marks what the paper or its authors' defaults give (arXiv 2602.13857); a run's configuration is kept
beside its checkpoints, so that a checkpoint can always be opened again.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from schemas.errors import ModelError
from schemas.shard import modality_kind
from schemas.vocabulary import Modality

__all__ = ["PRESETS", "LossConfig", "ModelConfig", "OptimConfig", "RunConfig", "preset", "with_values"]

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
_CLOSED = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)  # when read from JSON


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

    __pydantic_config__ = _CLOSED
    modalities: tuple[str, ...] = tuple(modality.value for modality in Modality)
    token_width: Count = 768
    width: Count = 768
    n_layer: Count = 12
    n_head: Count = 16
    ffn_width: Count = 3072
    dropout: Share = 0.1
    norm: Literal["post", "pre"] = "post"
    projection_width: Count = 128
    mask_share: Share = 0.15  # paper: 18 of 120 tokens

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

    __pydantic_config__ = _CLOSED
    temperature: Positive = 0.2
    age_years: Positive | None = 20.0
    sex: tuple[Weight, Weight] | None = (1.0, 0.8)
    site: tuple[Weight, Weight] | None = (1.3, 0.8)
    margin: Weight = 0.10
    epsilon: Weight = 1e-6
    across_ranks: bool = True

    def plain(self) -> LossConfig:
        """Return the same temperature without any other term: InfoNCE."""
        return replace(self, age_years=None, sex=None, site=None, margin=0.0, epsilon=0.0)


@dataclass(frozen=True)
class OptimConfig:
    """Optimisation; the paper's numbers are those of ``base``.

    Parameters
    ----------
    batch : int
        Windows that are compared with each other, all processes together.
    accumulate : int
        Batches of one step.
    """

    __pydantic_config__ = _CLOSED
    learning_rate: Positive = 5e-5
    betas: tuple[Share, Share] = (0.9, 0.95)
    weight_decay: Weight = 1e-2  # not on norms, biases and learnt vectors
    warm_up_share: Share = 0.03
    final_share: Share = 0.1  # cosine to a tenth
    clip_norm: Positive = 1.0
    ema_start: Share = 0.996  # to 1 along a cosine; the averaged weights are evaluated
    batch: Count = 320
    accumulate: Count = 1
    n_step: Count = 100_000
    window: Count = 120  # epochs
    precision: Literal["float32", "bf16"] = "bf16"
    checkpoint_every: Count = 1000
    log_every: Count = 20


@dataclass(frozen=True)
class RunConfig:
    """A whole run."""

    __pydantic_config__ = _CLOSED
    name: str = "base"
    seed: Annotated[int, Field(ge=0)] = 0
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Self:
        """Rebuild from `to_json`; a key that is absent has its default.

        Raises
        ------
        ModelError
            When nobody knows a key, or its value cannot be.
        """
        try:
            return TypeAdapter(cls).validate_json(json.dumps(facts, default=str))
        except ValidationError as error:
            wrong = error.errors(include_url=False)[0]
            name, expected = ".".join(map(str, wrong["loc"])), wrong["msg"].removeprefix("Input should be ")
            if wrong["type"] == "unexpected_keyword_argument":
                parts = {"": cls().to_json()} | cls().to_json()
                expected = ", ".join(parts.get(name.rpartition(".")[0], ()))
            raise ModelError(
                "the configuration cannot be read", saw=f"{name} {wrong['input']}", expected=expected
            ) from None


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
        When a name is none of the configuration's, or its value cannot be.
    """
    facts = run.to_json()
    for name, value in values.items():
        part, _, key = name.rpartition(".")
        own = facts.get(part) if part else facts
        if not isinstance(own, dict):
            parts = [f"{known}.…" for known in facts if isinstance(facts[known], dict)]
            raise ModelError("the configuration has no such part", saw=name, expected=", ".join(parts))
        own[key] = value
    return RunConfig.from_json(facts)
