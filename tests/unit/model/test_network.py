"""The network against closed formulas and plain NumPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.config import PRESETS, ModelConfig, RunConfig, preset, with_values
from model.encoder import Block, Norm, Sleep2Vec, Tokenizer, n_parameter, rotate, turns
from model.masking import draw_mask
from model.projection import Projection
from schemas.errors import ModelError

TINY = replace(PRESETS["tiny"].model, dropout=0.0, modalities=("eeg", "ibi", "resp"))


def _formula(c: ModelConfig) -> int:
    """Parameters by the layers' sizes: weights and biases of every linear map, two of every normalised feature."""
    w, h, f, p = c.token_width, c.width, c.ffn_width, c.projection_width
    tokenizers = 0
    for modality in c.modalities:
        n = c.n_sample(modality)
        tokenizers += (n * 2 * w + 2 * w) + (2 * w * w + w) + (n * w + w) + 2 * w
    block = 4 * (h * h + h) + (h * f + f) + (f * h + h) + 2 * 2 * h
    head = (h * h + h) + 2 * h + (h * p + p) + 2 * p
    cls, masks, input_norm = h, len(c.modalities) * w, 2 * h
    return tokenizers + (w * h + h) + c.n_layer * block + head + cls + masks + input_norm


@pytest.mark.parametrize(("name", "expected"), [("base", 133_775_232), ("tiny", None), ("large", None)])
def test_parameters_are_those_of_the_formula(name: str, expected: int | None) -> None:
    """The base model has the published 133.78 million; every size follows the formula."""
    config = PRESETS[name].model
    with torch.device("meta"):
        counted = n_parameter(Sleep2Vec(config)) + n_parameter(Projection(config))
    assert counted == _formula(config)
    assert expected is None or counted == expected


def test_tokenizer_is_two_layers_beside_a_shortcut() -> None:
    """LayerNorm(W2 silu(W1 x) + S x), written out in NumPy."""
    torch.manual_seed(1)
    tokenizer = Tokenizer(120, 8, 0.1).eval().double()
    x = torch.randn(2, 3, 120, dtype=torch.float64)
    weights = {name: value.detach().numpy() for name, value in tokenizer.named_parameters()}
    up = x.numpy() @ weights["up.weight"].T + weights["up.bias"]
    deep = (up / (1 + np.exp(-up))) @ weights["down.weight"].T + weights["down.bias"]
    total = deep + x.numpy() @ weights["shortcut.weight"].T + weights["shortcut.bias"]
    centred = total - total.mean(-1, keepdims=True)
    expected = centred / np.sqrt(total.var(-1, keepdims=True) + 1e-5)
    assert tokenizer(x).detach().numpy() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_norms_keep_their_type(kind: torch.dtype) -> None:
    """Under autocast too the type stays, statistics are not those of bfloat16, and one graph holds it all."""
    torch.manual_seed(7)
    norm = Norm(64)
    norm.weight.data += 0.1 * torch.randn(64)
    x = (20 + 0.5 * torch.randn(32, 64)).to(kind)  # bfloat16 alone would have no variance left to speak of
    wide = x.double()
    centred = wide - wide.mean(-1, keepdim=True)
    expected = centred / (wide.var(-1, keepdim=True, correction=0) + norm.eps).sqrt() * norm.weight.double()
    with torch.autocast("cpu", torch.bfloat16):
        found = norm(x)
        compiled = torch.compile(norm, backend="eager", fullgraph=True)(x)
    assert found.dtype == kind
    assert torch.equal(found, compiled)
    tolerance = max(1e-5, torch.finfo(kind).eps)  # forty deviations from 0: float32 itself loses five bits
    assert torch.allclose(found.double(), expected, rtol=tolerance, atol=tolerance)


def test_bfloat16_is_near_float32() -> None:
    """The whole network under autocast stays within a few of its steps of what float32 gives."""
    torch.manual_seed(8)
    network = Sleep2Vec(TINY).eval()
    samples, valid = _batch()
    with torch.no_grad():
        wide = network("ibi", samples, valid)
        with torch.autocast("cpu", torch.bfloat16):
            narrow = network("ibi", samples, valid)
    assert narrow.dtype == torch.bfloat16
    assert float((wide - narrow.float()).abs().max()) < 8 * torch.finfo(torch.bfloat16).eps * float(
        wide.abs().max()
    )


def test_rotation_multiplies_by_a_complex_number() -> None:
    """A pair (a, b) is a + ib, turned by position times 10000^(-k/half)."""
    x = torch.randn(1, 2, 5, 6, dtype=torch.float64)
    pairs = x[..., :3].numpy() + 1j * x[..., 3:].numpy()
    angle = np.arange(5)[:, None] * 10_000.0 ** (-np.arange(3) / 3)
    turned = pairs * np.exp(1j * angle)
    found = rotate(x, *turns(5, 6, x)).numpy()
    assert found[..., :3] + 1j * found[..., 3:] == pytest.approx(turned, abs=1e-6)


def test_rotated_products_depend_on_distance_alone() -> None:
    """Shifting query and key by the same number of tokens leaves their product."""
    q, k = torch.randn(2, 1, 1, 1, 16, dtype=torch.float64)
    cos, sin = turns(120, 16, q)

    def product(first: int, second: int) -> torch.Tensor:
        turned = rotate(q, cos[[first]], sin[[first]]) * rotate(k, cos[[second]], sin[[second]])
        return turned.sum()

    near, far = product(3, 7), product(103, 107)
    assert float(near) == pytest.approx(float(far), abs=1e-5)


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_attention_against_numpy(norm: str) -> None:
    """A block is softmax attention over allowed keys, then a GELU layer, each beside a shortcut and normalised."""
    torch.manual_seed(2)
    block = Block(replace(TINY, norm=norm)).eval().double()
    x = torch.randn(1, 4, TINY.width, dtype=torch.float64)
    allowed = torch.tensor([True, True, False, True])
    found = block(x, allowed[None, None, None, :], *turns(4, TINY.width // TINY.n_head, x)).detach().numpy()[0]
    assert found == pytest.approx(_block(block, x[0].numpy(), allowed.numpy(), is_pre=norm == "pre"), abs=1e-6)


def _block(block: Block, x: np.ndarray, allowed: np.ndarray, *, is_pre: bool) -> np.ndarray:
    from scipy.special import erf

    w = {name: value.detach().numpy() for name, value in block.named_parameters()}

    def linear(name: str, value: np.ndarray) -> np.ndarray:
        return value @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(name: str, value: np.ndarray) -> np.ndarray:
        scaled = (value - value.mean(-1, keepdims=True)) / np.sqrt(value.var(-1, keepdims=True) + 1e-5)
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def attend(value: np.ndarray) -> np.ndarray:
        d = TINY.width // TINY.n_head
        parts = linear("query_key_value", value).reshape(len(x), 3, TINY.n_head, d)
        out = np.zeros((len(x), TINY.n_head, d))
        angle = np.arange(len(x))[:, None] * 10_000.0 ** (-np.arange(d // 2) / (d // 2))
        for head in range(TINY.n_head):
            q, k = (
                (parts[:, i, head, : d // 2] + 1j * parts[:, i, head, d // 2 :]) * np.exp(1j * angle)
                for i in (0, 1)
            )
            score = (q @ k.conj().T).real / np.sqrt(d)
            score[:, ~allowed] = -np.inf
            share = np.exp(score - score.max(1, keepdims=True))
            out[:, head] = share / share.sum(1, keepdims=True) @ parts[:, 2, head]
        return linear("out", out.reshape(len(x), -1))

    def think(value: np.ndarray) -> np.ndarray:
        up = linear("up", value)
        return linear("down", up * 0.5 * (1 + erf(up / np.sqrt(2))))

    if is_pre:
        x = x + attend(norm("norm_attention", x))
        return x + think(norm("norm_ffn", x))
    x = norm("norm_attention", x + attend(x))
    return norm("norm_ffn", x + think(x))


def _batch(n_token: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    samples = torch.randn(3, n_token, 120)
    valid = torch.ones(3, n_token, dtype=torch.bool)
    return samples, valid


def test_what_is_not_valid_changes_nothing() -> None:
    """Whatever stands in invalid tokens, NaN apart, the valid ones and [CLS] are the same; invalid ones are 0."""
    torch.manual_seed(3)
    network = Sleep2Vec(TINY).eval()
    samples, valid = _batch()
    valid[0, 2] = valid[1, 4:] = False
    before = network("ibi", samples, valid)
    after = network("ibi", samples.masked_fill(~valid[..., None], 1e6), valid)
    assert torch.allclose(before, after, atol=1e-6)
    assert not before[0, 3].any()
    assert not before[1, 5:].any()


def test_padding_changes_nothing() -> None:
    """A night at the start of a longer, padded window reads the same."""
    torch.manual_seed(4)
    network = Sleep2Vec(TINY).eval()
    samples, valid = _batch(6)
    padded = torch.cat([samples, torch.randn(3, 5, 120)], dim=1)
    known = torch.cat([valid, torch.zeros(3, 5, dtype=torch.bool)], dim=1)
    assert torch.allclose(network("resp", samples, valid), network("resp", padded, known)[:, :7], atol=1e-6)


def test_a_window_without_signal_has_no_nan() -> None:
    """Where nothing is valid [CLS] sees itself alone."""
    network = Sleep2Vec(TINY).eval()
    samples, valid = _batch()
    found = network("ibi", samples, torch.zeros_like(valid))
    assert found.isfinite().all()
    assert torch.allclose(found[0, 0], found[1, 0])


def test_masked_tokens_do_not_show_their_samples() -> None:
    """Under the mask the samples do not matter; beside it they do."""
    torch.manual_seed(5)
    network = Sleep2Vec(TINY).eval()
    samples, valid = _batch()
    masked = torch.zeros_like(valid)
    masked[:, 1] = True
    changed = samples.clone()
    changed[:, 1] += 1
    assert torch.equal(network("ibi", samples, valid, masked), network("ibi", changed, valid, masked))
    assert not torch.allclose(network("ibi", samples, valid), network("ibi", changed, valid))


def test_the_mask_hides_18_of_120() -> None:
    """Exactly 15 % of the valid tokens of every window, no others, and other ones next time."""
    valid = torch.ones(4, 120, dtype=torch.bool)
    valid[2, 12:] = valid[3, 20:] = False  # 1.8 and 3 of them
    generator = torch.Generator().manual_seed(0)
    mask = draw_mask(valid, 0.15, generator)
    assert mask.sum(1).tolist() == [18, 18, 2, 3]
    assert not (mask & ~valid).any()
    assert not torch.equal(mask, draw_mask(valid, 0.15, generator))
    assert torch.equal(mask, draw_mask(valid, 0.15, torch.Generator().manual_seed(0)))


def test_the_projection_knows_only_valid_tokens() -> None:
    """Unit vectors; statistics of BatchNorm do not see padding."""
    torch.manual_seed(6)
    head, other = Projection(TINY), Projection(TINY)
    other.load_state_dict(head.state_dict())
    tokens = torch.randn(4, 5, TINY.width)
    valid = torch.ones(4, 5, dtype=torch.bool)
    valid[:, 4] = False
    found = head(tokens, valid)
    bare = other(tokens[:, :4].contiguous(), valid[:, :4])
    assert torch.allclose(found[:, :4], bare, atol=1e-6)
    assert torch.allclose(found[valid].norm(dim=-1), torch.ones(16), atol=1e-5)
    assert not found[:, 4].any()
    for mine, theirs in zip(head.buffers(), other.buffers(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_configuration_comes_back_from_json() -> None:
    """Tuples and nested parts survive; a misspelt key is refused."""
    run = preset("tiny", n_step=7)
    assert RunConfig.from_json(run.to_json()) == run
    with pytest.raises(ModelError, match="learning_rat"):
        RunConfig.from_json({"optim": {"learning_rat": 1.0}})
    with pytest.raises(ModelError, match="heads"):
        ModelConfig(width=100, n_head=3)
    with pytest.raises(ModelError, match="ppg"):
        ModelConfig(modalities=("ppg",))
    with pytest.raises(ModelError, match="huge"):
        preset("huge")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("model.norm", "sideways", "'post' or 'pre'"),
        ("optim.precision", "fp8", "'float32' or 'bf16'"),
        ("optim.batch", 0, "greater than or equal to 1"),
        ("optim.batch", 2.5, "integer"),
        ("optim.batch", True, "integer"),
        ("loss.temperature", 0.0, "greater than 0"),
        ("loss.margin", float("nan"), "finite"),
        ("loss.sex", [1.0], "required"),
        ("model.dropout", 1.5, "less than or equal to 1"),
        ("loss", 3, "an object"),
        ("wings", 2, "name, seed, model, loss, optim"),
        ("loss.wings", 2, "temperature, age_years"),
        ("seed.first", 2, "model"),
        ("seed", -1, "greater than or equal to 0"),
    ],
)
def test_values_that_cannot_be_are_refused(name: str, value: object, expected: str) -> None:
    """Each is named with what it may be; whole numbers may stand for others, and None switches a term off."""
    with pytest.raises(ModelError, match=rf"(?s){name}.*{expected}"):
        with_values(preset("tiny"), {name: value})
    changed = with_values(preset("tiny"), {"loss.margin": 1, "loss.sex": None})
    assert (changed.loss.margin, changed.loss.sex) == (1.0, None)


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_where_dropout_is(norm: str) -> None:
    """With everything dropped what is left are shortcuts and norms; out of training nothing is dropped."""
    torch.manual_seed(9)
    samples, x = torch.randn(2, 3, 120), torch.randn(1, 4, TINY.width)
    key_mask, angles = torch.ones(1, 1, 1, 4, dtype=torch.bool), turns(4, TINY.width // TINY.n_head, x)
    tokenizer, block = Tokenizer(120, 8, 1.0), Block(replace(TINY, norm=norm, dropout=1.0))
    assert torch.equal(tokenizer(samples), tokenizer.norm(tokenizer.shortcut(samples)))
    post = block.norm_ffn(block.norm_attention(x))
    assert torch.equal(block(x, key_mask, *angles), x if norm == "pre" else post)
    plain = Block(replace(TINY, norm=norm))
    plain.load_state_dict(block.state_dict())
    assert torch.equal(block.eval()(x, key_mask, *angles), plain.eval()(x, key_mask, *angles))


def test_attention_itself_is_dropped_while_training() -> None:
    """Without any share of attention a token gets nothing but the bias of the last map."""
    torch.manual_seed(10)
    block, x = Block(TINY), torch.randn(1, 4, TINY.width)
    arguments = (x, torch.ones(1, 1, 1, 4, dtype=torch.bool), *turns(4, TINY.width // TINY.n_head, x))
    block.rate = 1.0
    assert torch.equal(block._attend(*arguments), block.out.bias.expand_as(x))
    assert not torch.allclose(block.eval()._attend(*arguments), block.out.bias.expand_as(x))


def test_what_goes_into_the_blocks_is_dropped_too() -> None:
    """With nothing left of it, the answer is that of any other samples."""
    torch.manual_seed(11)
    network = Sleep2Vec(TINY)
    network.dropout.p = 1.0
    samples, valid = _batch()
    assert torch.equal(network("ibi", samples, valid), network("ibi", samples + 1, valid))


def test_tokens_see_cls_and_masked_ones_their_own_vector() -> None:
    """Another [CLS] gives other tokens; of the vectors for masked tokens only the modality's own matters."""
    torch.manual_seed(12)
    network = Sleep2Vec(TINY).eval()
    samples, valid = _batch()
    masked = torch.zeros_like(valid)
    masked[:, 1] = True
    before = network("resp", samples, valid, masked)
    network.mask_vectors["ibi"].data += 1
    assert torch.equal(network("resp", samples, valid, masked), before)
    network.mask_vectors["resp"].data += 1
    assert not torch.allclose(network("resp", samples, valid, masked), before)
    before = network("resp", samples, valid)
    network.cls.data += torch.randn(TINY.width)
    assert not torch.allclose(network("resp", samples, valid)[:, 1:], before[:, 1:])
