"""Pulling over a real http server: only what is asked for, every byte checked, whatever goes wrong on the way."""

from __future__ import annotations

import dataclasses
import http.server
import json
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import xarray as xr

from pipeline.shards import sources, transfer
from pipeline.shards.build import build_set
from pipeline.shards.pull import Wanted, pull_set
from pipeline.shards.read import open_shards
from pipeline.shards.verify import verify_set
from schemas.errors import ChannelError, StorageError, StoreCorrupt, StoreError, StoreIncomplete
from schemas.shard import Codec
from schemas.store import MISSING
from schemas.vocabulary import Modality
from tests.range_server import Server, serve
from tests.unit.shards.conftest import RECIPE, add_night

EVERYTHING = Wanted()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(transfer, "_PAUSE_S", 0.0)


@pytest.fixture
def server(built: Path) -> Iterator[Server]:
    with serve(built) as running:
        yield running


def files_of(folder: Path, *, but: tuple[str, ...] = ()) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in but
    }


OWN = ("set.json", "files.json", "card.md", "index.parquet", "splits.tsv")  # say that this is a copy


def test_a_whole_set_arrives_as_it_is(server: Server, built: Path, tmp_path: Path) -> None:
    """Arrays and their documents are equal byte for byte; the copy verifies and is not pulled twice."""
    report = pull_set(server.url, tmp_path / "set", EVERYTHING)
    assert files_of(tmp_path / "set", but=OWN) == files_of(built, but=OWN)
    assert verify_set(tmp_path / "set").problems == ()
    assert (report.n_kept, report.n_again) == (0, 0)
    assert not pull_set(server.url, tmp_path / "set", EVERYTHING).pulled


def test_a_folder_is_a_source_too(built: Path, tmp_path: Path) -> None:
    """What is mounted is pulled like what is far away."""
    pull_set(str(built), tmp_path / "set", Wanted(("val",)))
    assert verify_set(tmp_path / "set").problems == ()
    assert not (tmp_path / "set" / "train.zarr").exists()


def test_only_what_is_asked_for_travels(server: Server, built: Path, tmp_path: Path) -> None:
    """Bytes are counted at the server: one modality of one split, and small things."""
    report = pull_set(server.url, tmp_path / "set", Wanted(("train",), (Modality.SPO2,)))
    assert verify_set(tmp_path / "set").problems == ()
    foreign = [
        f for f in server.sent if f.split("/")[0] in ("val.zarr", "test.zarr") or "/eeg/" in f or "/belt/" in f
    ]
    assert foreign == []
    samples = sum(n for name, n in server.sent.items() if "/spo2/c/" in name)
    assert samples == sum(
        path.stat().st_size for path in (built / "train.zarr/spo2/c").rglob("*") if path.is_file()
    )
    assert sum(server.sent.values()) == report.n_fetched
    opened = xr.open_zarr(tmp_path / "set/train.zarr", chunks=None)
    assert "eeg" not in opened
    index = polars.read_parquet(tmp_path / "set/index.parquet")
    assert index["split"].unique().to_list() == ["train"]
    assert "eeg_present" not in index.columns


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("n", [1, 3, 6, 1000])
def test_the_first_recordings(converted: Path, tmp_path: Path, codec: Codec, n: int) -> None:
    """A subset is the beginning of the shuffled order, re-laid; nothing of the next recording is in it."""
    build_set(converted, tmp_path / "built", dataclasses.replace(RECIPE, codec=codec))
    with serve(tmp_path / "built") as server:
        pull_set(server.url, tmp_path / "set", Wanted(("train",), (Modality.EEG, Modality.SPO2), n))
    assert verify_set(tmp_path / "set").problems == ()
    whole, part = (open_shards(tmp_path / name, "train", ["eeg", "spo2"]) for name in ("built", "set"))
    assert part.nights.recording == whole.nights.recording[:n]
    for name in ("eeg", "spo2", "stage", "usable_fraction", "onset_respiratory"):
        np.testing.assert_array_equal(part.read(name, 0, part.n_epoch), whole.read(name, 0, part.n_epoch))
    if codec is Codec.NONE and part.n_epoch % 60:
        behind = next(iter(part.pieces("eeg", part.n_epoch - part.n_epoch % 60, 1))).base
        assert behind is not None
        last = sorted((tmp_path / "set/train.zarr/eeg/c").iterdir())[-1] / "0"
        counts = np.frombuffer(last.read_bytes()[-1000 * 2 - 4 - 16 * 2 - 4 : -4 - 16 * 2 - 4], "<i2")
        assert set(counts.tolist()) == {MISSING} or part.n_epoch % 120 > 60 or part.n_epoch < 60


def test_a_subset_sends_ranges_alone(server: Server, built: Path, tmp_path: Path) -> None:
    """One short night needs one chunk of half an hour and an index, not the file."""
    pull_set(server.url, tmp_path / "set", Wanted(("test",), (Modality.EEG,), 1))
    n_epoch = open_shards(tmp_path / "set", "test").n_epoch
    n_chunk = -(-n_epoch // 60)
    shard = json.loads((built / "test.zarr/eeg/zarr.json").read_text())["chunk_grid"]["configuration"][
        "chunk_shape"
    ]
    sent = sum(n for name, n in server.sent.items() if "/eeg/c/" in name)
    assert sent == n_chunk * (60 * 7680 + 4) + 16 * shard[0] // 60 + 4


def test_interrupted_anywhere_it_goes_on(server: Server, built: Path, tmp_path: Path) -> None:
    """Pulls that die at random places lose nothing that has arrived, and the result is the same."""
    rng = random.Random(2)
    monkey = _Interrupt()
    kept = []
    for _ in range(4):
        monkey.after = rng.randrange(1, 30)
        with pytest.raises(_Interrupt):
            pull_set(server.url, tmp_path / "set", EVERYTHING, workers=3, on_progress=monkey)
        assert not (tmp_path / "set").exists()
        kept.append(sum(p.stat().st_size for p in (tmp_path / "set.part").rglob("*") if p.is_file()))
    assert kept[-1] > 0
    report = pull_set(server.url, tmp_path / "set", EVERYTHING)
    assert report.n_kept > 0
    assert files_of(tmp_path / "set", but=OWN) == files_of(built, but=OWN)
    assert verify_set(tmp_path / "set").problems == ()


def other_set(converted: Path, target: Path) -> Path:
    """Build a set of the same recordings in another order: files of the same names and sizes."""
    build_set(converted, target, dataclasses.replace(RECIPE, seed=9))
    return target


@pytest.mark.parametrize("wanted", [EVERYTHING, Wanted(subset=4)])
def test_nothing_is_left_of_another_set(converted: Path, built: Path, tmp_path: Path, wanted: Wanted) -> None:
    """A pull that died half-way lends nothing to one of another set: its chunks have right checksums, too."""
    other = other_set(converted, tmp_path / "other")
    monkey = _Interrupt()
    monkey.after = 60
    with pytest.raises(_Interrupt):
        pull_set(str(built), tmp_path / "set", wanted, on_progress=monkey)
    report = pull_set(str(other), tmp_path / "set", wanted)
    pull_set(str(other), tmp_path / "fresh", wanted)
    assert report.n_kept == 0
    assert files_of(tmp_path / "set") == files_of(tmp_path / "fresh")


def test_a_set_that_is_replaced_meanwhile(converted: Path, shards: Path, tmp_path: Path) -> None:
    """What is of two sets gets no name; the same command then pulls the new one."""
    other = other_set(converted, tmp_path / "other")

    def replace(done: int, total: int) -> None:
        if done == total:
            for file in files_of(other):
                (shards / file).write_bytes((other / file).read_bytes())

    with pytest.raises(StorageError, match="replaced while it was pulled"):
        pull_set(str(shards), tmp_path / "copy", Wanted(subset=4), on_progress=replace)
    assert not (tmp_path / "copy").exists()
    pull_set(str(shards), tmp_path / "copy", Wanted(subset=4))
    assert verify_set(tmp_path / "copy").problems == ()


def test_a_stale_file_over_there(converted: Path, shards: Path, tmp_path: Path) -> None:
    """A file of an earlier set, every chunk of it valid, is not taken for one of this."""
    name = "train.zarr/stage/c/0"
    (shards / name).write_bytes((other_set(converted, tmp_path / "other") / name).read_bytes())
    with pytest.raises(StoreCorrupt, match=rf"{name}.*another set"):
        pull_set(str(shards), tmp_path / "copy", EVERYTHING)


class _Interrupt(Exception):
    """Stands for Ctrl-C: raised after so many pieces."""

    after = 0
    n = 0

    def __call__(self, done: int, total: int) -> None:
        self.n += 1
        if self.n >= self.after:
            self.n = 0
            raise self


def test_a_corrupted_byte_on_the_wire_is_fetched_again(server: Server, built: Path, tmp_path: Path) -> None:
    """Every third answer has a flipped bit; nothing of it is kept."""

    def flip(path: str, number: int, content: bytes) -> bytes:
        if number % 3 or not content:
            return content
        changed = bytearray(content)
        changed[len(changed) // 2] ^= 1
        return bytes(changed)

    server.trouble = flip
    report = pull_set(server.url, tmp_path / "set", EVERYTHING, workers=1)
    assert report.n_again > 10
    assert files_of(tmp_path / "set", but=OWN) == files_of(built, but=OWN)


def test_cut_connections_are_tried_again(server: Server, built: Path, tmp_path: Path) -> None:
    """Answers that end too early are no answers."""
    server.trouble = lambda path, number, content: content[: len(content) // 2] if number % 4 == 0 else content
    report = pull_set(server.url, tmp_path / "set", Wanted(subset=2), workers=1)
    assert report.n_again > 5
    assert verify_set(tmp_path / "set").problems == ()


def test_what_is_wrong_over_there_is_told(shards: Path, tmp_path: Path) -> None:
    """A damaged set cannot be pulled; file and bytes are named, and nothing gets the set's name."""
    file = shards / "train.zarr/spo2/c/0/0"
    content = bytearray(file.read_bytes())
    content[10] ^= 1
    file.write_bytes(content)
    with serve(shards) as server, pytest.raises(StoreCorrupt, match=r"train\.zarr/spo2/c/0/0.*bytes 0 to"):
        pull_set(server.url, tmp_path / "copy", EVERYTHING)
    file.unlink()
    with serve(shards) as server, pytest.raises(StoreIncomplete, match=r"train\.zarr/spo2/c/0/0"):
        pull_set(server.url, tmp_path / "copy", EVERYTHING)
    assert not (tmp_path / "copy").exists()


def test_a_list_that_leads_outside_is_refused(shards: Path, tmp_path: Path) -> None:
    """A set cannot write where it does not belong."""
    import hashlib

    from pipeline.write.documents import self_digest

    listing = json.loads((shards / "files.json").read_text())
    listing["files"]["train.zarr/eeg/c/../../../../x"] = listing["files"]["train.zarr/eeg/c/0/0"]
    (shards / "files.json").write_text(json.dumps(listing))
    said = json.loads((shards / "set.json").read_text())
    said["files_digest"] = hashlib.sha256((shards / "files.json").read_bytes()).hexdigest()
    said["self_digest"] = self_digest(said)
    (shards / "set.json").write_text(json.dumps(said))
    with pytest.raises(StoreError, match="outside the set"):
        pull_set(str(shards), tmp_path / "set", EVERYTHING)


def test_a_server_without_ranges_will_do(server: Server, tmp_path: Path) -> None:
    """It costs more, and is right."""
    server.knows_ranges = False
    pull_set(server.url, tmp_path / "set", Wanted(("val",), (Modality.SPO2,), 1))
    assert verify_set(tmp_path / "set").problems == ()


@pytest.fixture
def restricted(tmp_path: Path, make_night: Any) -> Path:
    """A set that may not be passed on."""
    terms = {"agreement": "DUA", "redistribution": False, "commercial": False, "citation": "them", "release": "2"}
    add_night(tmp_path / "out", make_night(), terms=terms)
    build_set(tmp_path / "out", tmp_path / "restricted", RECIPE)
    return tmp_path / "restricted"


def test_terms_are_kept(restricted: Path, tmp_path: Path) -> None:
    """An open place is refused unless forced, and the set then says so; a folder asks who you are."""
    with serve(restricted) as server:
        with pytest.raises(StoreError, match=r"terms.*DUA.*--force"):
            pull_set(server.url, tmp_path / "set", EVERYTHING)
        assert set(server.sent) == {"set.json"}
        assert pull_set(server.url, tmp_path / "set", EVERYTHING, force=True).forced
    assert json.loads((tmp_path / "set/set.json").read_text())["pulled"]["forced"] is True
    assert not pull_set(str(restricted), tmp_path / "other", EVERYTHING).forced


def test_who_is_let_in() -> None:
    """Only https with a name and a password is not open to everybody; both go into a header, not into the URL."""
    assert [sources.HttpServer(url).is_open for url in ("http://h/x", "https://h/x", "http://a:b@h/x")] == [
        True
    ] * 3
    assert not sources.HttpServer("https://a:b@h/x").is_open


def test_a_password_stays_with_its_host(server: Server) -> None:
    """A server that sends a reader elsewhere does not send its password along."""
    heard: dict[str, str | None] = {}

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard["secret"] = self.headers.get("Authorization")
            self.send_response(302)
            self.send_header("Location", f"{server.url}{self.path}")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Elsewhere) as httpd:
        thread = threading.Thread(target=httpd.handle_request)
        thread.start()
        there = sources.HttpServer(f"http://somebody:secret@127.0.0.1:{httpd.server_port}")
        assert json.loads(there.read("set.json"))["spec_version"] == 1
        thread.join()
    assert heard["secret"] is not None
    assert server.secrets == {None}


def test_nothing_there(server: Server, tmp_path: Path) -> None:
    """Wrong names are told with the right ones."""
    with pytest.raises(StoreIncomplete):
        pull_set(f"{server.url}/elsewhere", tmp_path / "set", EVERYTHING)
    with pytest.raises(ChannelError, match="train, val, test"):
        pull_set(server.url, tmp_path / "set", Wanted(("external",)))
    with pytest.raises(ChannelError, match="eeg"):
        pull_set(server.url, tmp_path / "set", Wanted(modalities=(Modality.ECG,)))
    gone = server.url.replace("127.0.0.1", "127.0.0.2").rpartition(":")[0] + ":1"
    with pytest.raises(StorageError):
        pull_set(gone, tmp_path / "set", EVERYTHING)


def test_reading_in_place(server: Server, built: Path) -> None:
    """A URL opens without pulling, with the same values, and a window costs no file."""
    here, there = open_shards(built, "train"), open_shards(server.url, "train")
    assert not there.is_direct
    assert there.nights.recording == here.nights.recording
    server.sent.clear()
    for name in ("eeg", "spo2", "stage", "event_respiratory"):
        np.testing.assert_array_equal(there.read(name, 70, 100), here.read(name, 70, 100))
    assert sum(server.sent.values()) < 5 * 60 * (7680 + 240 + 1 + 30)
    assert there.statistics() == here.statistics()


@pytest.mark.parametrize("codec", Codec)
def test_damage_in_a_set_that_is_read_in_place(converted: Path, tmp_path: Path, codec: Codec) -> None:
    """Through Zarr, too, a flipped byte or a missing file is an error that names array and recordings."""
    build_set(converted, tmp_path / "built", dataclasses.replace(RECIPE, codec=codec))
    file = tmp_path / "built/train.zarr/eeg/c/0/0"
    content = bytearray(file.read_bytes())
    content[500] ^= 1
    with serve(tmp_path / "built") as server:
        file.write_bytes(content)
        opened = open_shards(server.url, "train")
        with pytest.raises(StoreCorrupt, match=rf"train\.zarr/eeg.*{opened.nights.recording[0]}"):
            opened.read("eeg", 0, 1)
        file.unlink()
        with pytest.raises(StoreIncomplete, match=r"train\.zarr/eeg/c/0/0"):
            opened.read("eeg", 0, 1)


def test_an_altered_document_in_a_set_that_is_read_in_place(shards: Path) -> None:
    """What the group vouches for counts: another type beside the array does not make other numbers of its bytes."""
    truth = open_shards(shards, "train").read("eeg", 0, 5)
    file = shards / "train.zarr/eeg/zarr.json"
    file.write_text(file.read_text().replace("int16", "uint16"))
    with serve(shards) as server:
        np.testing.assert_array_equal(open_shards(server.url, "train").read("eeg", 0, 5), truth)
