"""pretrain, finetune and evaluate as people type them, on a made-up set."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import torch

from model import checkpoint
from model.alignment import alignment
from model.card import terms_of
from pipeline.manifests.terms import strictest
from tests import command_line
from tests.made_set import MODALITIES, made_night, made_set


def in_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command from the root of the file system: every path is given whole."""
    return command_line.in_process(*arguments, cwd=Path("/"))


TINY = ("--set", "optim.batch=4", "--set", "optim.window=10", "--device", "cpu")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight nights for training, two each of other persons for validation and test."""
    others = {
        split: [made_night(first + k, 40, MODALITIES) for k in range(2)]
        for split, first in (("val", 20), ("test", 30))
    }
    return made_set(tmp_path_factory.mktemp("set") / "set", **others)


@pytest.fixture(scope="module")
def run(shards: Path) -> Path:
    """A run of six steps."""
    out = shards.parent / "run"
    result = in_process("pretrain", "--config", "tiny", "--shards", shards, "--out", out, "--steps", 6, *TINY)
    assert result.returncode == 0, result.stderr
    assert "next: sleep2vec finetune" in result.stdout
    return out


def test_pretrain_leaves_a_checkpoint_metrics_and_the_alignment(shards: Path, run: Path) -> None:
    """The checkpoint names its data and their terms; every pair of modalities has its share."""
    facts = json.loads((run / "step-0000006" / "checkpoint.json").read_text())
    assert facts["step"] == 6
    assert set(facts["data"]) == {"name", "set", "cohorts", "splits", "view", "statistics", "terms"}
    assert facts["config"]["model"]["modalities"] == [str(modality) for modality in MODALITIES]
    found = json.loads((run / "alignment.json").read_text())
    assert found["split"] == "val"
    assert set(found["accuracy"]) == {"eeg-belt", "eeg-spo2", "eeg-resp", "belt-spo2", "belt-resp", "spo2-resp"}
    assert all(0 <= share <= 1 for share in found["accuracy"].values())
    again = in_process(
        "pretrain", "--config", "tiny", "--shards", shards, "--out", run, "--steps", 6, *TINY, "--json"
    )
    assert again.returncode == 0
    assert json.loads(again.stdout)["checkpoint"].endswith("step-0000006")


def test_alignment_is_that_of_the_averaged_network(shards: Path, run: Path, tmp_path: Path) -> None:
    """The last weights, which nobody evaluates, do not matter."""
    tensors, facts = checkpoint.load(run)
    others = {name: torch.randn_like(x) if name.startswith("network/") else x for name, x in tensors.items()}
    path = checkpoint.save(tmp_path, 6, others, {"config": facts["config"], "data": facts["data"]})
    assert alignment(path, shards) == json.loads((run / "alignment.json").read_text())


def test_accumulated_batches_are_whole(shards: Path, tmp_path: Path) -> None:
    """``accumulate`` adds batches to a step and does not make them smaller."""
    more = ("--set", "optim.batch=2", "--set", "optim.accumulate=3", "--set", "optim.window=10", "--device", "cpu")
    common = ("--config", "tiny", "--shards", shards, "--modalities", "spo2", "resp", "--steps", 2)
    result = in_process("pretrain", *common, "--out", tmp_path, *more)
    assert result.returncode == 0, result.stderr
    facts = json.loads((tmp_path / "step-0000002" / "checkpoint.json").read_text())
    assert facts["loader"]["step"] == 6


def test_finetune_and_evaluate_with_any_subset(shards: Path, run: Path) -> None:
    """A head on the run's network answers for all nights, with all modalities, two, or one."""
    out = shards.parent / "head"
    arguments = ("--task", "stage5", "--checkpoint", run, "--shards", shards, "--out", out)
    result = in_process("finetune", *arguments, "--steps", 2, "--few-shot", 3, "--device", "cpu")
    assert result.returncode == 0, result.stderr
    for subset in ([], ["--modalities", "spo2", "resp"], ["--modalities", "belt"]):
        result = in_process("evaluate", "--checkpoint", out, "--shards", shards, *subset, "--json")
        assert result.returncode == 0, result.stderr
        found = json.loads(result.stdout)
        assert {"accuracy", "kappa", "macro_f1", "n_recordings", "modalities"} <= set(found)
        assert found["n_recordings"] == 2
        assert found["modalities"] == (subset[1:] or [str(modality) for modality in MODALITIES])
    words = in_process("evaluate", "--checkpoint", out, "--shards", shards)
    assert "stage5 on 2 nights of 2 persons, split test" in words.stdout


def test_a_card_says_what_a_model_was_made_of(shards: Path, run: Path) -> None:
    """Both sets by name and digest, terms, configuration; and what an evaluation found, when asked."""
    out = shards.parent / "lora"
    arguments = ("--task", "stage3", "--checkpoint", run, "--shards", shards, "--out", out, "--mode", "lora")
    assert in_process("finetune", *arguments, "--steps", 1, "--device", "cpu").returncode == 0
    digest = json.loads((run / "step-0000006" / "checkpoint.json").read_text())["data"]["set"]
    assert digest in (run / "step-0000006" / "card.md").read_text()
    card = out / "step-0000001" / "card.md"
    before = card.read_text()
    for words in (
        "fine-tuned for stage3 (lora)",
        "made_up",
        "redistribution: yes",
        "optim.learning_rate",
        "None kept",
    ):
        assert words in before, words
    assert before.count(digest) == 2
    for _ in range(2):
        result = in_process("evaluate", "--checkpoint", out, "--shards", shards, "--card", "--json")
        assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert all(row["recording"].startswith("made/") for row in found["recordings"])
    after = card.read_text()
    assert after.count("- stage3, split test") == 1
    assert f"accuracy {found['accuracy']:.3f}" in after
    assert "made/" not in after


def test_a_model_of_fewer_modalities_takes_what_it_knows(shards: Path, run: Path, tmp_path: Path) -> None:
    """From a set with more modalities those of the checkpoint are taken; others that are asked for are refused."""
    small, head = tmp_path / "small", tmp_path / "head"
    common = ("--config", "tiny", "--shards", shards, "--modalities", "spo2", "resp")
    assert in_process("pretrain", *common, "--out", small, "--steps", 1, *TINY).returncode == 0
    task = ("finetune", "--task", "sex", "--checkpoint", small, "--shards", shards, "--steps", 1, "--device", "cpu")
    assert in_process(*task, "--out", head).returncode == 0
    result = in_process("evaluate", "--checkpoint", head, "--shards", shards, "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["modalities"] == ["spo2", "resp"]
    result = in_process(*task, "--out", tmp_path / "none", "--modalities", "eeg", "spo2")
    assert result.returncode == 2
    assert "does not know a modality: saw eeg, expected spo2, resp" in result.stderr
    assert not (tmp_path / "none").exists()


def test_terms_are_the_strictest_of_all_data() -> None:
    """A model pre-trained on what must not be passed on is not passed on, whatever it was fine-tuned on."""
    free = strictest([("a", {"agreement": "A", "redistribution": True, "commercial": True, "release": "1"})])
    bound = strictest([("b", {"agreement": "B", "redistribution": False, "commercial": True, "release": "2"})])
    facts = {"task": "sex", "data": {"terms": free}, "pretrained": {"data": {"terms": bound}}}
    found = terms_of(facts)
    assert (found["redistribution"], found["commercial"]) == (False, True)
    assert found["agreements"] == ["A", "B"]
    assert found["releases"] == {"a": ["1"], "b": ["2"]}
    assert terms_of({})["redistribution"] is False


def test_a_table_of_persons_has_the_answers(shards: Path, run: Path, tmp_path: Path) -> None:
    """Diseases in words, with some unknown; columns of the index; what does not fit is told."""
    table = tmp_path / "persons.csv"
    rows = [
        f"made/{n},{'yes' if n % 2 else 'no'},{'unknown' if n == 1 else n // 8 % 2}" for n in (*range(8), 30, 31)
    ]
    table.write_text("subject,hypertension,stroke\n" + "\n".join(rows) + "\n")
    out = tmp_path / "head"
    common = ("--checkpoint", run, "--shards", shards, "--device", "cpu", "--steps", 2)
    columns = ("--columns", "hypertension,stroke")
    result = in_process("finetune", "--task", "diseases", *columns, "--labels", table, "--out", out, *common)
    assert result.returncode == 0, result.stderr
    result = in_process("evaluate", "--checkpoint", out, "--shards", shards, "--labels", table, "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert "NaN" not in result.stdout
    assert found["classes"]["stroke"]["auroc"] is None  # both have had one
    assert {name: own["n"] for name, own in found["classes"].items()} == {"hypertension": 2, "stroke": 2}
    words = in_process("evaluate", "--checkpoint", out, "--shards", shards, "--labels", table)
    assert "hypertension" in words.stdout
    index = ("--task", "survival", "--columns", "age_years,length", "--out", tmp_path / "survival")
    assert in_process("finetune", *index, *common).returncode == 0
    for arguments, said in (
        (("--task", "diseases", "--columns", "gout", "--labels", table), "gout"),
        (("--task", "diseases", "--columns", "sex"), "neither yes, no nor a number"),
        (("--task", "diseases"), "which diseases"),
        (("--task", "sex", "--labels", table), "for diseases and survival"),
    ):
        result = in_process("finetune", *arguments, "--out", tmp_path / "none", *common)
        assert result.returncode == 2
        assert said in result.stderr
    table.write_text("subject,stroke\nsomebody,1\n")
    result = in_process("evaluate", "--checkpoint", out, "--shards", shards, "--labels", table)
    assert "lacks a column" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pretrain", "--config", "huge"), "huge"),
        (("pretrain", "--config", "tiny", "--set", "loss.margn=1"), "loss.margn"),
        (("pretrain", "--config", "tiny", "--set", "optim.batch=many"), "many"),
        (("pretrain", "--config", "tiny", "--set", "seed"), "NAME=VALUE"),
        (("finetune", "--task", "stage9"), "stage9"),
        (("finetune", "--task", "age", "--checkpoint", "/"), "no checkpoint"),
    ],
)
def test_mistakes_say_what_to_do(shards: Path, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """A wrong name or value is an error of use that repeats it; nothing is written."""
    result = in_process(*arguments, "--shards", shards, "--out", tmp_path / "out")
    assert result.returncode == 2
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_modality_that_the_model_never_saw_is_refused(shards: Path, run: Path) -> None:
    """Evaluation with ECG needs a model, and a set, that has it."""
    out = shards.parent / "probe"
    arguments = ("--task", "sex", "--checkpoint", run, "--shards", shards, "--out", out, "--steps", 1)
    assert in_process("finetune", *arguments, "--mode", "probe", "--device", "cpu").returncode == 0
    result = in_process("evaluate", "--checkpoint", out, "--shards", shards, "--modalities", "ecg")
    assert result.returncode == 2
    assert "ecg" in result.stderr
    result = in_process("evaluate", "--checkpoint", run, "--shards", shards)
    assert result.returncode == 2
    assert "Fine-tune it first" in result.stderr
