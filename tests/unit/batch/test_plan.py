"""What a later run does: nothing where nothing changed, and everything that did change, once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.batch import recipe
from pipeline.batch.attempt import Converted, Failed, attempt
from pipeline.batch.plan import Decision, Why
from pipeline.batch.rebuild import rebuild
from pipeline.batch.run import _job
from pipeline.write.ledger import LedgerWriter, Row, Stored, now, read_ledger, store_path
from pipeline.write.lock import LEDGER_FOLDER
from pipeline.write.publish import publish
from schemas.manifest import CohortManifest
from schemas.vocabulary import Outcome
from tests.stub_cohort import convert, make_plan, manifest, write_nights

DETERMINISTIC_NS = 10**18


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two nights, one of them with an annotation."""
    root = write_nights(tmp_path / "in", {"a": "warning", "b": "info"})
    (root / "nights" / "a.xml").write_text("<scored/>")
    return root


@pytest.fixture
def out(root: Path, tmp_path: Path) -> Path:
    """The output of a finished run."""
    _carry_out(root, tmp_path / "out")
    return tmp_path / "out"


def _carry_out(root: Path, out: Path, like: CohortManifest | None = None, **options: object) -> dict[str, bool]:
    """Do in this process what a run does; return what was converted (True) or kept after a look (False)."""
    plan = make_plan(root, out, like, **options)
    done = {}
    with LedgerWriter(out) as ledger:
        for item in plan.of(Decision.CHECK, Decision.CONVERT):
            job = _job(item, out)
            answer = attempt(job, convert, plan.manifest)
            assert isinstance(answer, Converted)
            if answer.is_new:
                publish(job.temporary, job.final)
            result, key = answer.result, item.source.key
            row = Row(key.cohort, key.name, Outcome.CONVERTED, now(), fingerprint=result.fingerprint)
            ledger.append(row._replace(sources=result.sources, store=Stored.of(result.store)))
            done[key.name] = answer.is_new
    return done


def _decisions(
    root: Path, out: Path, like: CohortManifest | None = None, **options: object
) -> dict[str, tuple[str, str]]:
    items = make_plan(root, out, like, **options).items
    return {item.source.key.name: (item.decision.name, item.why.name) for item in items}


def test_a_new_cohort_is_converted_and_then_left_alone(root: Path, tmp_path: Path) -> None:
    """Everything is new once; after the run nothing is left to do."""
    out = tmp_path / "out"
    assert _decisions(root, out) == dict.fromkeys("ab", ("CONVERT", "NEW"))
    assert _carry_out(root, out) == {"a": True, "b": True}
    assert _decisions(root, out) == dict.fromkeys("ab", ("KEEP", "UNCHANGED"))


def _edit_source(root: Path, out: Path) -> None:
    (root / "nights" / "a.edf").write_text("warning ")


def _edit_source_keeping_the_size(root: Path, out: Path) -> None:
    (root / "nights" / "a.edf").write_text("wirning")


def _touch_source(root: Path, out: Path) -> None:
    os.utime(root / "nights" / "a.edf", ns=(DETERMINISTIC_NS, DETERMINISTIC_NS))


def _edit_annotation(root: Path, out: Path) -> None:
    (root / "nights" / "a.xml").write_text("<scored again='1'/>")


def _remove_annotation(root: Path, out: Path) -> None:
    (root / "nights" / "a.xml").unlink()


def _delete_chunks(root: Path, out: Path) -> None:
    shutil.rmtree(store_path(out, "stub", "a") / "spo2" / "c")


def _flip_byte(root: Path, out: Path) -> None:
    shard = store_path(out, "stub", "a") / "spo2" / "c" / "0" / "0"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)


def _truncate(root: Path, out: Path) -> None:
    shard = store_path(out, "stub", "a") / "stage" / "c" / "0"
    os.truncate(shard, shard.stat().st_size - 1)


def _edit_root(root: Path, out: Path) -> None:
    document = store_path(out, "stub", "a") / "zarr.json"
    document.write_text(document.read_text().replace('"unknown"', '"female"'))


def _empty_root(root: Path, out: Path) -> None:
    (store_path(out, "stub", "a") / "zarr.json").write_text("")


def _touch_store(root: Path, out: Path) -> None:
    for file in store_path(out, "stub", "a").rglob("*"):
        os.utime(file, ns=(DETERMINISTIC_NS, DETERMINISTIC_NS))


def _remove_store(root: Path, out: Path) -> None:
    shutil.rmtree(store_path(out, "stub", "a"))


def _lose_ledger(root: Path, out: Path) -> None:
    shutil.rmtree(out / LEDGER_FOLDER)
    shutil.rmtree(store_path(out, "stub", "b"))
    _carry_out(root, out, only="b")


@pytest.mark.parametrize(
    ("change", "why", "is_converted"),
    [
        (_edit_source, "SOURCE", True),
        (_edit_source_keeping_the_size, "SOURCE", True),
        (_touch_source, "SOURCE", False),
        (_edit_annotation, "SOURCE", True),
        (_remove_annotation, "SOURCE", True),
        (_delete_chunks, "STORE_TOUCHED", True),
        (_flip_byte, "STORE_TOUCHED", True),
        (_truncate, "STORE_TOUCHED", True),
        (_edit_root, "STORE_TOUCHED", True),
        (_empty_root, "STORE_TOUCHED", True),
        (_touch_store, "STORE_TOUCHED", False),
        (_remove_store, "STORE_GONE", True),
        (_lose_ledger, "UNRECORDED", False),
    ],
)
def test_a_change_concerns_its_own_recording(
    root: Path, out: Path, change: Callable[[Path, Path], None], why: str, is_converted: bool
) -> None:
    """Changed or damaged is converted again, touched is looked at and kept, the other night is left alone."""
    change(root, out)
    decision = "CONVERT" if why == "STORE_GONE" else "CHECK"
    assert _decisions(root, out) == {"a": (decision, why), "b": ("KEEP", "UNCHANGED")}
    assert _carry_out(root, out) == {"a": is_converted}
    assert _decisions(root, out) == dict.fromkeys("ab", ("KEEP", "UNCHANGED"))


def test_a_hidden_flip_is_found_by_looking_deep(root: Path, out: Path) -> None:
    """Where size and time were put back, only --deep reads every byte of source and store again."""
    for path, edit in (
        (store_path(out, "stub", "a") / "spo2" / "c" / "0" / "0", _flip_byte),
        (root / "nights" / "a.edf", _edit_source_keeping_the_size),
    ):
        before = path.stat().st_mtime_ns
        edit(root, out)
        os.utime(path, ns=(before, before))
        assert _decisions(root, out)["a"] == ("KEEP", "UNCHANGED")
        assert _decisions(root, out, deep=True) == dict.fromkeys("ab", ("CHECK", "DEEP"))
        assert _carry_out(root, out, deep=True) == {"a": True, "b": False}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": "Other words"}, ("KEEP", "UNCHANGED")),
        ({"site": "north"}, ("CONVERT", "MANIFEST")),
        ({"montage": [{"channel": "spo2", "labels": ["SpO2"]}]}, ("CONVERT", "MANIFEST")),
    ],
)
def test_a_meaningful_change_of_the_manifest_converts_again(
    root: Path, out: Path, changes: dict[str, object], expected: tuple[str, str]
) -> None:
    """Words do not count, rules do."""
    assert _decisions(root, out, manifest(**changes)) == dict.fromkeys("ab", expected)


def test_a_new_version_converts_again(root: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The versions of processing and store are part of every fingerprint."""
    monkeypatch.setitem(recipe.VERSIONS, "processing", recipe.VERSIONS["processing"] + 1)
    assert _decisions(root, out) == dict.fromkeys("ab", ("CONVERT", "MANIFEST"))


def test_a_store_published_just_before_a_kill_is_kept(root: Path, out: Path) -> None:
    """Between rename and row: the old row and the new store disagree, the store is right."""
    changed = manifest(site="north")
    item = make_plan(root, out, changed).items[0]
    job = _job(item, out)
    assert isinstance(attempt(job, convert, changed), Converted)
    publish(job.temporary, job.final)
    assert _decisions(root, out, changed)["a"] == ("CHECK", "STORE_TOUCHED")
    assert _carry_out(root, out, changed) == {"a": False, "b": True}


def test_fresh_and_only(root: Path, out: Path) -> None:
    """--fresh converts what is good, --only leaves out the others altogether."""
    assert _decisions(root, out, fresh=True) == dict.fromkeys("ab", ("CONVERT", "FRESH"))
    assert _decisions(root, out, only="[b-z]*", fresh=True) == {"b": ("CONVERT", "FRESH")}


def test_exclusions_come_first_and_misspelt_ones_are_told(root: Path, out: Path) -> None:
    """An exclusion wins over --fresh, and one that nobody answers to is reported."""
    rules = [{"key": key, "reason": "too dark", "source": "a page"} for key in ("a", "A")]
    plan = make_plan(root, out, manifest(exclude=rules), fresh=True)
    assert [(item.decision, item.why, item.detail) for item in plan.items] == [
        (Decision.EXCLUDE, Why.EXCLUDED, "too dark"),
        (Decision.CONVERT, Why.FRESH, ""),
    ]
    assert plan.unused_exclusions == ("A",)


def test_excluded_parts_leave_the_recording(root: Path, out: Path) -> None:
    """Where only the stages are bad the night is converted; taking them back is another conversion."""
    rules = [{"key": "a", "what": "stages", "reason": "of another night", "source": "a page"}]
    changed = manifest(exclude=rules)
    assert _decisions(root, out, changed) == {"a": ("CONVERT", "MANIFEST"), "b": ("KEEP", "UNCHANGED")}
    assert make_plan(root, out, changed).unused_exclusions == ()


def test_recordings_that_are_not_found_any_more_are_told(root: Path, out: Path) -> None:
    """A night that disappears from the download, or gets another key, does not do so in silence."""
    (root / "nights" / "b.edf").unlink()
    plan = make_plan(root, out)
    assert ([item.source.key.name for item in plan.items], plan.not_found) == (["a"], ("b",))


def test_failures_are_tried_again(root: Path, tmp_path: Path) -> None:
    """Whatever failed is new work in every run."""
    with LedgerWriter(tmp_path / "out") as ledger:
        ledger.append(Row("stub", "a", Outcome.FAILED, now(), reason="edf_corrupt"))
    assert _decisions(root, tmp_path / "out")["a"] == ("CONVERT", "FAILED")


def test_pseudonyms_keep_names_out_of_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even an error that names the file tells nothing."""
    monkeypatch.setenv("SLEEP2VEC_SALT", "a long secret")
    root = write_nights(tmp_path / "in", {"Doe-Jane": "corrupt"})
    (root / "nights").rename(root / "Doe")
    layout = {"signals": "{family}/{subject}.edf"}
    like = manifest(privacy={"keys": "pseudonymous"}, layout=layout)
    [item] = make_plan(root, tmp_path / "out", like).items
    answer = attempt(_job(item, tmp_path / "out"), convert, like)
    assert isinstance(answer, Failed)
    told = f"{item.source.key}, signals-1: no header: saw signals-1 of ***."
    assert (answer.reason, answer.detail) == ("edf_corrupt", told)


def test_a_lost_ledger_is_made_again_from_the_stores(root: Path, out: Path) -> None:
    """Every readable store gets its row back, an unreadable one is named, and the next run keeps what is good."""
    before = dict(read_ledger(out).rows)
    shutil.rmtree(out / LEDGER_FOLDER)
    (out / "stub" / "c.zarr").mkdir()
    assert rebuild(out) == (2, ("stub/c",))
    assert rebuild(out) == (0, ("stub/c",))
    after = read_ledger(out).rows
    assert {key: (row.fingerprint, row.store) for key, row in before.items()} == {
        key: (row.fingerprint, row.store) for key, row in after.items()
    }
    assert after["stub", "a"].outcome is Outcome.CONVERTED_WITH_FINDINGS
    assert _carry_out(root, out) == {"a": False, "b": False}
