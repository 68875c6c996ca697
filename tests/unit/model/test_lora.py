"""Low-rank adapters: nothing at first, nothing else is trained, and merging changes nothing."""

from __future__ import annotations

from itertools import repeat
from pathlib import Path

import pytest
import torch

from model.encoder import n_parameter
from model.finetune import finetune, open_model, start_model
from model.lora import Adapted, adapt, merge
from model.pretrain import pretrain
from tests.model_batches import MODALITIES, Endless, batch_of, tiny_run

RANK = 3


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three steps."""
    out = tmp_path_factory.mktemp("run")
    pretrain(tiny_run(3), Endless(MODALITIES), out)
    return out


def test_adapters_begin_with_the_network_as_it_is(pretrained: Path) -> None:
    """Before any step the answers are those of the network without adapters, to the bit."""
    batch = batch_of(MODALITIES)
    plain, adapted = (start_model(tiny_run(), "stage5", pretrained, mode=mode) for mode in ("full", "lora"))
    assert torch.equal(plain.eval()(batch), adapted.eval()(batch))


def test_only_adapters_fusion_and_head_are_trained(pretrained: Path) -> None:
    """They are rank times the sum of a matrix' sides each; the rest of the network has no gradient."""
    model = start_model(tiny_run(), "stage5", pretrained, mode="lora", rank=RANK)
    width, ffn = model.network.config.width, model.network.config.ffn_width
    sides = (width + 3 * width) + (width + width) + 2 * (width + ffn)
    assert n_parameter(model.network) == RANK * sides * model.network.config.n_layer
    learnt = {name for name, p in model.network.named_parameters() if p.requires_grad}
    assert all(name.endswith((".thin", ".back")) for name in learnt)
    assert all(p.requires_grad for part in (model.fusion, model.head) for p in part.parameters())


def test_training_moves_adapters_alone_and_merging_changes_nothing(pretrained: Path, tmp_path: Path) -> None:
    """What is saved is a network as any other, whose answers are those of the one with adapters, to 1e-6."""
    run, batch = tiny_run(20), batch_of(MODALITIES)
    model = start_model(run, "stage5", pretrained, mode="lora", rank=RANK)
    before = {name: value.clone() for name, value in model.network.state_dict().items() if ".base." not in name}
    with_adapters: list[torch.Tensor] = []

    def keep(step: int, _: float) -> None:
        if step == run.optim.n_step:
            with torch.no_grad():
                with_adapters.append(model.eval()(batch))

    finetune(model, repeat(batch), tmp_path, run.optim, {}, on_step=keep)
    opened = open_model(tmp_path)[0]
    assert not any(isinstance(module, Adapted) for module in opened.modules())
    with torch.no_grad():
        assert torch.allclose(opened(batch), with_adapters[0], atol=1e-6)
    after = opened.network.state_dict()
    kept = [name for name in before if name in after]
    assert kept
    assert all(torch.equal(before[name], after[name]) for name in kept)
    first = start_model(run, "stage5", pretrained).network.state_dict()
    moved = {name for name in after if not torch.equal(first[name], after[name])}
    matrices = ("query_key_value", "out", "up", "down")
    assert moved == {f"blocks.{k}.{name}.weight" for k in range(2) for name in matrices}


def test_an_adapter_is_a_product_of_two_thin_matrices() -> None:
    """By hand: alpha over rank times back times thin, added to the weight; the bias stays."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(5, 4)
    adapted = Adapted(layer, 2, alpha=6.0)
    torch.nn.init.normal_(adapted.back)
    x = torch.randn(7, 5)
    expected = x @ (layer.weight + 3.0 * adapted.back @ adapted.thin).T + layer.bias
    assert torch.allclose(adapted(x), expected, atol=1e-6)
    assert torch.allclose(adapted.merged()(x), expected, atol=1e-6)


def test_merging_twice_is_merging_once(pretrained: Path) -> None:
    """A network without adapters is left alone."""
    network = start_model(tiny_run(), "stage5", pretrained).network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    adapt(network, RANK)
    merge(network)
    merge(network)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
