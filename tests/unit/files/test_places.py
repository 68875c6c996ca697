"""Places: local paths and URLs behind one interface, and errors that are ours."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from unittest import mock

import pytest
from botocore.exceptions import ClientError
from fsspec.config import conf

from pipeline.api import open_recording
from pipeline.batch.clearing import Rubbish, clear, find_rubbish
from pipeline.batch.patience import patiently
from pipeline.files.discover import discover
from pipeline.files.places import (
    copy_in,
    copy_out,
    create,
    entries,
    files_below,
    is_remote,
    local_copy,
    matching_files,
    open_to_read,
    place,
    read_all,
    remove_files,
    storage_errors,
)
from pipeline.read.subjects import load_subjects
from pipeline.write.digest import stat_digests
from pipeline.write.ledger import LedgerWriter, Row, read_ledger
from pipeline.write.publish import publish, published, temporary_name, withdraw
from schemas.errors import StorageError
from schemas.subjects import SubjectRule
from schemas.vocabulary import Outcome
from tests.object_store import BUCKET, denied, proxied, served
from tests.storage_campaign import client_of
from tests.stub_cohort import manifest

_NUMBERS = count()
_TABLE = {"tables": [{"path": "data/a-*.csv", "key": "id", "fields": {"site": {"columns": ["site"]}}}]}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3 server."""
    with served() as endpoint, client_of(endpoint):
        yield endpoint


@pytest.fixture
def folder(server: str) -> Path:
    """A prefix of its own in the server's bucket."""
    return place(f"s3://{BUCKET}/test-{next(_NUMBERS)}")


def _write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(name.encode())


def test_a_path_is_a_path_and_a_url_a_url(tmp_path: Path) -> None:
    """Text without a scheme is local; path objects pass."""
    url = place("s3://bucket/a/b.zarr/")
    assert (place("a/b"), place(tmp_path), place(url)) == (Path("a/b"), tmp_path, url)
    assert (is_remote(Path("a")), is_remote(url), str(url), url.name) == (
        False,
        True,
        "s3://bucket/a/b.zarr",
        "b.zarr",
    )


@pytest.mark.parametrize("text", ["ftp://host/a", "s3://me:secret@bucket/a", "s3://", "s3:///a", "file:///a"])
def test_other_urls_are_refused_and_not_repeated(text: str) -> None:
    """A password in a URL is not told to any log."""
    with pytest.raises(StorageError, match="not the URL of a place") as caught:
        place(text)
    assert "secret" not in str(caught.value)


def test_a_listing_says_what_is_a_folder(folder: Path, tmp_path: Path) -> None:
    """Direct entries, sorted; an object store and a disk agree."""
    for top in (folder, tmp_path):
        (tmp_path / "b").mkdir(exist_ok=True)
        _write(top, "c", "b/x", "a.txt")
        assert entries(top) == [("a.txt", False), ("b", True), ("c", False)]
        assert {"a.txt", "b/x", "c"} == set(files_below(top))
        assert files_below(top)["b/x"].size == 3
    assert (entries(folder / "none"), files_below(folder / "none")) == ([], {})


def test_files_go_out_and_come_in_as_they_are(folder: Path, tmp_path: Path) -> None:
    """Names may hold what a pattern would; contents are equal, order is kept."""
    names = ["a[1].edf", "b*.edf", "deep/er/c d.edf"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(os.urandom(1000))
    copy_out({name: tmp_path / name for name in names}, folder)
    assert set(files_below(folder)) == set(names)
    copy_in([folder / name for name in names], [tmp_path / "in" / name for name in names])
    for name in names:
        assert (tmp_path / "in" / name).read_bytes() == (tmp_path / name).read_bytes()
    with local_copy(folder) as copy:
        assert {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()} == set(names)
    assert not copy.exists()


def test_the_head_of_a_file_does_not_cost_the_whole(folder: Path, tmp_path: Path) -> None:
    """What is read is fetched and a little more; the size is known without."""
    for top in (folder, tmp_path):
        (top / "night").write_bytes(bytes(2**20))
        with open_to_read(top / "night") as file:
            assert (file.read(256), file.seek(0, os.SEEK_END)) == (bytes(256), 2**20)
            if top is folder:
                assert 256 < file.cache.total_requested_bytes < 2**18  # type: ignore[attr-defined]


def test_many_are_read_at_once_in_order(folder: Path) -> None:
    """One, several and none."""
    _write(folder, "b", "a")
    assert read_all([folder / "b", folder / "a"]) == [b"b", b"a"]
    assert (read_all([folder / "b"]), read_all([])) == ([b"b"], [])
    remove_files(folder, ["b"])
    assert set(files_below(folder)) == {"a"}
    with pytest.raises(FileNotFoundError):
        read_all([folder / "a", folder / "b"])


def test_a_file_is_created_by_one_only(folder: Path, tmp_path: Path) -> None:
    """The second is refused; who repeats its own try, because no answer came, is not."""
    for top in (folder, tmp_path):
        assert [create(top / "n", content) for content in (b"1", b"2", b"1")] == [True, False, True]
        assert (top / "n").read_bytes() == b"1"


def test_a_store_without_root_document_is_none(folder: Path, tmp_path: Path) -> None:
    """Published whole, replaced whole, taken away root first; a half of one is not there."""
    final = folder / "stub" / "n.zarr"
    for files in (("zarr.json", "a/zarr.json", "b/c/0"), ("zarr.json", "a/zarr.json")):
        temporary = tmp_path / "n.zarr.part-1"
        for name in files:
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            (temporary / name).write_text(name)
        publish(temporary, final)
        assert (set(files), [final]) == (set(files_below(final)), published(folder))
        assert not temporary.exists()
    remove_files(final, ["zarr.json"])
    assert (published(folder), len(files_below(final))) == ([], 1)
    withdraw(final)
    assert files_below(final) == {}


def _store(tmp: Path) -> Path:
    """Return a finished store of one array, not yet published."""
    temporary = tmp / "n.zarr.part-1"
    for name in ("zarr.json", "a/c/0"):
        (temporary / name).parent.mkdir(parents=True, exist_ok=True)
        (temporary / name).write_text(f"{name} with a word")
    return temporary


@pytest.mark.parametrize(
    ("checksums", "why"),
    [("when_supported", "does not fit its checksum"), ("when_required", "arrived changed")],
)
def test_what_arrives_changed_is_not_published(
    folder: Path, server: str, tmp_path: Path, checksums: str, why: str
) -> None:
    """By the library's checksum or by the tag that the server makes; another try heals it."""
    temporary, name = _store(tmp_path), "stub/n.zarr"
    settings = {"s3": {"config_kwargs": {"request_checksum_calculation": checksums}}}
    with proxied(server) as proxy, client_of(proxy.endpoint), mock.patch.dict(conf, settings):
        out = place(str(folder))
        proxy.mode = "spoil"
        with pytest.raises(StorageError, match=why):
            publish(temporary, out / name)
        assert (published(out), temporary.exists()) == ([], True)
        proxy.mode = "pass"
        publish(temporary, out / name)
    assert published(folder) == [folder / name]
    assert (folder / name / "a/c/0").read_bytes() == b"a/c/0 with a word"


def test_what_a_dead_run_left_in_a_bucket_is_cleared(folder: Path, tmp_path: Path) -> None:
    """A store without root document goes, whole ones stay."""
    publish(_store(tmp_path), folder / "stub" / "n.zarr")
    _write(folder / "stub", "half.zarr/a/c/0", "half.zarr/b/c/0")
    assert find_rubbish(folder) == clear(folder) == Rubbish(1)
    assert not find_rubbish(folder)
    assert [name for name, _ in entries(folder / "stub")] == ["n.zarr"]


def test_who_is_not_allowed_is_told_at_once(folder: Path, server: str) -> None:
    """The store's own word is repeated, and nobody asks a second time."""
    asked = []

    def ask() -> object:
        asked.append(1)
        with storage_errors("it failed"):
            return entries(folder)

    with (
        denied(server),
        pytest.raises(StorageError, match=r"permission denied by the object store \(InvalidAccessKeyId\).*AWS_"),
    ):
        patiently(ask)
    assert len(asked) == 1
    assert ask() == []


def test_a_ledger_of_objects_is_put_together_as_it_goes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are there at once, the newest counts, and few objects are left, also of runs that were killed."""
    monkeypatch.setattr("pipeline.write.segments._N_LOOSE", 4)
    rows = [Row("stub", f"n{i % 6}", Outcome.FAILED, "now", reason=f"r{i}") for i in range(11)]
    killed = LedgerWriter(folder)
    for row in rows:
        killed.append(row)
        assert read_ledger(folder).rows["stub", row.key] == row
    assert len(read_ledger(folder).state) == 2 + 3  # bundles of four, and three more
    for n_segment, reason in ((2, "second"), (3, "third")):
        with LedgerWriter(folder) as ledger:
            ledger.append(rows[0]._replace(reason=reason))
            ledger.append(rows[1]._replace(reason=reason))
        ledger_now = read_ledger(folder)
        assert (ledger_now.rows["stub", "n0"].reason, len(ledger_now.rows)) == (reason, 6)
        assert len(ledger_now.state) == n_segment


def test_what_a_store_says_becomes_our_error(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No bucket, nobody there, nobody known: each names what to look at, and no key."""
    with pytest.raises(StorageError, match="no such bucket"), storage_errors("it failed"):
        entries(place("s3://nobucket/a"))
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with (
        client_of(f"http://127.0.0.1:{port}"),
        pytest.raises(StorageError, match=r"no connection .*AWS_") as caught,
        storage_errors("it failed", where="n.zarr"),
    ):
        (place(f"s3://{BUCKET}/a") / "b").read_bytes()
    assert str(port) not in str(caught.value)
    with client_of(server):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        with pytest.raises(StorageError, match="no credentials in the environment"), storage_errors("it failed"):
            (place(f"s3://{BUCKET}/a") / "b").read_bytes()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("BadDigest", "content that does not fit its checksum (BadDigest)"),
        ("SlowDown", "a failure of the object store (SlowDown)"),
        ("/a/path", "a failure of the object store (ClientError)"),
    ],
)
def test_the_code_of_an_answer_is_told(code: str, words: str) -> None:
    """It says what to do more often than any text could; what is no code is not repeated."""
    answer = ClientError({"Error": {"Code": code, "Message": "of /a/path"}}, "PutObject")
    with pytest.raises(StorageError, match=re.escape(words)), storage_errors("it failed"):
        raise OSError(errno.EINVAL, "of /a/path") from answer


def test_what_is_not_storage_passes() -> None:
    """A fault of the program is not hidden as one of the disk."""
    with pytest.raises(ZeroDivisionError), storage_errors("it failed"):
        raise ZeroDivisionError


def test_files_are_found_by_pattern_in_both_places(folder: Path, tmp_path: Path) -> None:
    """A star stays within its folder, and folders are no files."""
    for top in (folder, tmp_path):
        (tmp_path / "data").mkdir(exist_ok=True)
        _write(top, "data/a-1.csv", "data/a-2.csv", "data/b.csv", "a-3.csv")
        for pattern, expected in {
            "data/a-*.csv": ["data/a-1.csv", "data/a-2.csv"],
            "*/b.csv": ["data/b.csv"],
            "a-3.csv": ["a-3.csv"],
            "data": [],
            "none/*.csv": [],
        }.items():
            assert sorted(matching_files(top, pattern)) == [top / name for name in expected]


def test_a_store_that_does_not_answer_is_not_an_empty_one(server: str) -> None:
    """Nothing is planned, found or read as absent when nobody could be asked."""
    out = place(f"s3://{BUCKET}/away")
    with client_of("http://127.0.0.1:9"):
        for ask in (
            lambda: read_ledger(out),
            lambda: published(out),
            lambda: stat_digests([out / "a" / "b.zarr"]),
            lambda: discover(manifest(), out),
            lambda: load_subjects(out, SubjectRule.model_validate(_TABLE)),
            lambda: open_recording(out / "a" / "b.zarr"),
        ):
            with pytest.raises(StorageError, match="no connection"):
                ask()


def test_a_store_that_takes_no_body_is_given_up(folder: Path, server: str, tmp_path: Path) -> None:
    """It neither answers nor says that the body may come: the libraries alone would wait for ever."""
    (tmp_path / "file").write_bytes(b"body")
    impatient = {"s3": {"config_kwargs": {"read_timeout": 0.1}}}
    with proxied(server) as proxy, client_of(proxy.endpoint), mock.patch.dict(conf, impatient):
        slow = place(str(folder))
        copy_out({"file": tmp_path / "file"}, slow)
        proxy.mode = "hang"
        with pytest.raises(StorageError, match="no answer in time"), storage_errors("it failed"):
            copy_out({"file": tmp_path / "file"}, slow)


def test_work_in_hand_is_apart_for_equal_urls_of_two_stores(folder: Path, server: str) -> None:
    """A bucket of the same name elsewhere is another place, whose leftovers are nobody's here."""
    final = folder / "stub" / "n.zarr"
    here = temporary_name(final).parent
    assert temporary_name(final).parent == here
    with proxied(server) as proxy, client_of(proxy.endpoint):
        assert temporary_name(place(str(final))).parent != here
