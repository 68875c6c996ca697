"""The end of the demo: shards, pre-training, fine-tuning, a table and pictures; one line where torch is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.commands import demo_model
from flows.commands.demo_model import PICTURES, show_model
from pipeline.synth import synthesise
from tests.command_line import in_process


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight made-up nights, and one of another cohort in the place of the real one."""
    place = tmp_path_factory.mktemp("demo-model")
    for recipe, nights in (("shhs", 8), ("mesa", 1)):
        synthesise(place / recipe, recipe=recipe, nights=nights, hours=0.2, seed=3)
        done = in_process("convert", recipe, "--root", recipe, "--out", "stores", cwd=place)
        assert done.returncode == 0, done.stderr
    return place / "stores"


@pytest.mark.system
def test_a_tiny_model_is_trained_and_judged(
    stores: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps of each: a row a subset of modalities, three pictures, and the real cohort out of training."""
    monkeypatch.setitem(demo_model._PRETRAIN, "optim.n_step", 2)
    monkeypatch.setitem(demo_model._FINETUNE, "optim.n_step", 2)
    show_model(stores, tmp_path, real="mesa")
    shown = capsys.readouterr().out.splitlines()
    assert any(line.startswith("shards: nights of train") and "external 1" in line for line in shown)
    head = next(number for number, line in enumerate(shown) if "kappa" in line and "macro F1" in line)
    assert [line.split("  ")[0] for line in shown[head + 1 : head + 4]] == ["all 9", "eeg eog", "ibi resp"]
    for name in PICTURES:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "pretrained",
        "set",
        "splits.tsv",
        "stage5",
    ]


def test_without_torch_the_demo_says_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, nothing written, no error."""
    monkeypatch.setattr(demo_model, "find_spec", lambda name: None if name == "torch" else object())
    show_model(tmp_path / "stores", tmp_path, real="sleep_edf")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith("pip install 'sleep2vec[model]'")
    assert list(tmp_path.iterdir()) == []
