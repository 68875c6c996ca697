"""The network: a tokenizer a modality, one encoder for all, which sees one modality at a time.

Shapes in comments: B windows of a batch, T tokens (30-s epochs) of a window, N samples of a token, W the encoder's
width. A token that is not valid (missing signal, padding) changes nothing: no other token attends to it.

Source: arXiv 2602.13857; rotary positions: Su et al. 2021 (arXiv 2104.09864).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.config import ModelConfig

__all__ = ["Block", "Norm", "Sleep2Vec", "Tokenizer", "n_parameter", "rotate", "turns"]


class Norm(nn.LayerNorm):
    """LayerNorm in the type of its input; mean and variance are float32 inside, whatever the type.

    Autocast on a GPU would turn input and output to float32 and back: twice the traffic, and a cast on either side.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(..., W) → (..., W), of one type."""
        with torch.autocast(x.device.type, enabled=False):
            return F.layer_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.bias.to(x.dtype), self.eps)


class Tokenizer(nn.Module):
    """Samples of one epoch to one vector: two layers beside a linear shortcut."""

    def __init__(self, n_sample: int, width: int, dropout: float) -> None:
        super().__init__()
        self.up = nn.Linear(n_sample, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.shortcut = nn.Linear(n_sample, width)
        self.dropout = nn.Dropout(dropout)
        self.norm = Norm(width)

    def forward(self, samples: Tensor) -> Tensor:
        """(B, T, N) → (B, T, token width)."""
        deep = self.dropout(self.down(F.silu(self.up(samples))))
        tokens: Tensor = self.norm(deep + self.shortcut(samples))
        return tokens


def turns(n_token: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosine and sine of every token's angles, (T, D/2); [CLS] is at 0.

    Parameters
    ----------
    width : int
        D, of one head.
    like : Tensor
        Has the type and device that are wanted.
    """
    half = width // 2
    rate = 10_000.0 ** (-torch.arange(half, device=like.device, dtype=torch.float32) / half)  # (D/2,)
    angle = torch.arange(n_token, device=like.device, dtype=torch.float32)[:, None] * rate  # (T, D/2)
    return angle.cos().to(like.dtype), angle.sin().to(like.dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn every pair of a head's features by its own angle times the position; (B, heads, T, D)."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Block(nn.Module):
    """Attention over the tokens of one modality, then a layer on each token alone."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n_head = config.n_head
        self.is_pre = config.norm == "pre"
        self.rate = config.dropout
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.out = nn.Linear(config.width, config.width)
        self.up = nn.Linear(config.width, config.ffn_width)
        self.down = nn.Linear(config.ffn_width, config.width)
        self.norm_attention = Norm(config.width)
        self.norm_ffn = Norm(config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, key_mask: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """(B, T, W) → (B, T, W); ``key_mask`` (B, 1, 1, T) is True where a token may be attended to."""
        if self.is_pre:
            x = x + self._attend(self.norm_attention(x), key_mask, cos, sin)
            return x + self._think(self.norm_ffn(x))
        x = self.norm_attention(x + self._attend(x, key_mask, cos, sin))
        thought: Tensor = self.norm_ffn(x + self._think(x))
        return thought

    def _attend(self, x: Tensor, key_mask: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        n_batch, n_token, width = x.shape
        heads = self.query_key_value(x).view(n_batch, n_token, 3, self.n_head, width // self.n_head)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each (B, heads, T, D)
        mixed = F.scaled_dot_product_attention(
            rotate(query, cos, sin),
            rotate(key, cos, sin),
            value,
            attn_mask=key_mask,
            dropout_p=self.rate if self.training else 0.0,
        )
        out: Tensor = self.dropout(self.out(mixed.transpose(1, 2).reshape(n_batch, n_token, width)))
        return out

    def _think(self, x: Tensor) -> Tensor:
        out: Tensor = self.dropout(self.down(F.gelu(self.up(x))))
        return out


class Sleep2Vec(nn.Module):
    """Any modality of a night to one vector a token and one for the window.

    Assumes tokens of 30 s at regular steps; knows no other modality while it encodes one.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.tokenizers = nn.ModuleDict(
            {m: Tokenizer(config.n_sample(m), config.token_width, config.dropout) for m in config.modalities}
        )
        self.mask_vectors = nn.ParameterDict(
            {m: nn.Parameter(0.02 * torch.randn(config.token_width)) for m in config.modalities}
        )
        self.input_map = nn.Linear(config.token_width, config.width)
        self.cls = nn.Parameter(0.02 * torch.randn(config.width))
        self.norm = Norm(config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))

    def forward(self, modality: str, samples: Tensor, valid: Tensor, masked: Tensor | None = None) -> Tensor:
        """Encode one modality.

        Parameters
        ----------
        samples : Tensor, shape (B, T, N), float
            Normalised, missing samples 0; not read where ``valid`` is False.
        valid : Tensor, shape (B, T), bool
        masked : Tensor, shape (B, T), bool, optional
            Tokens to be replaced by the modality's learnt vector.

        Returns
        -------
        Tensor, shape (B, 1 + T, W)
            [CLS] first; 0 where a token is not valid.
        """
        return self.encode(self.embed(modality, samples, valid, masked), valid)

    def embed(self, modality: str, samples: Tensor, valid: Tensor, masked: Tensor | None = None) -> Tensor:
        """Samples to tokens of the encoder's width, (B, T, W); arguments as those of a call."""
        known = samples * valid[..., None].to(samples.dtype)  # (B, T, N)
        tokens: Tensor = self.tokenizers[modality](known)  # (B, T, token width)
        if masked is not None:
            vector = self.mask_vectors[modality].to(tokens.dtype)
            tokens = torch.where(masked[..., None], vector, tokens)
        mapped: Tensor = self.input_map(tokens)  # (B, T, W)
        return mapped

    def encode(self, tokens: Tensor, valid: Tensor) -> Tensor:
        """Tokens of one modality a row, (B, T, W), to [CLS] and tokens in their context, (B, 1 + T, W)."""
        cls = self.cls.to(tokens.dtype).expand(len(tokens), 1, -1)  # (B, 1, W)
        x: Tensor = self.dropout(self.norm(torch.cat([cls, tokens], dim=1)))  # (B, 1 + T, W)
        known = F.pad(valid, (1, 0), value=True)  # (B, 1 + T)
        cos, sin = turns(x.shape[1], self.config.width // self.config.n_head, tokens)
        for block in self.blocks:
            x = block(x, known[:, None, None, :], cos, sin)
        return x * known[..., None].to(x.dtype)


def n_parameter(module: nn.Module) -> int:
    """Return how many numbers a module learns."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
