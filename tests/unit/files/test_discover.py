"""Finding recordings: which files belong to one night, and what it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.files.discover import Source, discover
from pipeline.files.layout import Folders, fill
from pipeline.manifests.load import load_manifest
from schemas.errors import AnnotationCorrupt, ManifestInvalid, SourceMissing, StorageError
from schemas.manifest import CohortManifest
from tests.stub_cohort import manifest

SALT = "SLEEP2VEC_SALT"


def _files(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def _layout(*layouts: dict[str, Any], **more: Any) -> CohortManifest:
    return manifest(layout=list(layouts), **more)


def _names(sources: tuple[Source, ...]) -> list[str]:
    return [source.key.name for source in sources]


# --- patterns ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "known", "expected"),
    [
        ("{a}.edf", {}, [("x-1.edf", {"a": "x-1"}), ("y-2.edf", {"a": "y-2"})]),
        ("{a}-{b}.edf", {}, [("x-1.edf", {"a": "x", "b": "1"}), ("y-2.edf", {"a": "y", "b": "2"})]),
        ("{a:1}-{b:1}.edf", {"a": "y"}, [("y-2.edf", {"a": "y", "b": "2"})]),
        ("{a:2}.edf", {}, []),
        ("x*.edf", {}, [("x-1.edf", {})]),
        ("{d}/{d}-{n:1}.edf", {}, [("v/v-3.edf", {"d": "v", "n": "3"})]),
        ("v/v{s}v{s}.edf", {}, [("v/v-5v-5.edf", {"s": "-5"})]),
        ("{d}/[{n}].edf", {}, [("v/[9].edf", {"d": "v", "n": "9"})]),
        ("{d}", {}, [("x-1.edf", {"d": "x-1.edf"}), ("y-2.edf", {"d": "y-2.edf"})]),
        ("X-1.edf", {}, []),
    ],
)
def test_patterns_find_files_and_fields(
    tmp_path: Path, pattern: str, known: dict[str, str], expected: list[tuple[str, dict[str, str]]]
) -> None:
    """Fields take the fewest characters that fit, agree with themselves, and respect case, dots and brackets."""
    _files(tmp_path, "x-1.edf", "y-2.edf", "v/v-3.edf", "v/w-4.edf", "v/v-5v-5.edf", "v/v-5v-6.edf", "v/[9].edf")
    _files(tmp_path, "._x-1.edf", "w.edf/z-1.edfx")
    assert expected == list(Folders(tmp_path).find(pattern, known))


def test_filling_leaves_what_is_unknown() -> None:
    """Known fields become text, widths and all; text with braces in it is not filled again."""
    assert fill("a{x:2}/{y}*", {"x": "{y}"}) == "a{y}/{y}*"


def test_a_folder_that_cannot_be_listed_is_a_storage_error(tmp_path: Path) -> None:
    """The error names the folder within the root."""
    with pytest.raises(StorageError, match=r"^nights: a folder of the source cannot be listed"):
        list(Folders(tmp_path)._matching("nights", "*", {}))


# --- recordings --------------------------------------------------------------------------------------------


def test_a_stem_is_a_name_where_it_is_unique(tmp_path: Path) -> None:
    """Stems that occur twice are replaced by whole paths, for all who share them; others stay."""
    _files(tmp_path, "v1/a.edf", "v2/a.edf", "v1/b.edf")
    sources = discover(_layout({"signals": "{visit}/{subject}.edf", "visit": "{visit}"}), tmp_path)
    assert _names(sources) == ["b", "v1-a", "v2-a"]
    assert [(s.key.subject, s.key.visit) for s in sources] == [("b", "v1"), ("a", "v1"), ("a", "v2")]
    assert sources[1].names == ("v1/a.edf",)
    assert sources[1].paths == (tmp_path / "v1/a.edf",)


def test_a_key_in_the_layout_is_the_name(tmp_path: Path) -> None:
    """The manifest's own key wins over the stem, and defaults fill what the path does not say."""
    layout = {"signals": "{subject}-PSG.edf", "key": "{site}{subject}", "defaults": {"site": "north"}}
    [source] = discover(_layout(layout), _files(tmp_path, "7-PSG.edf"))
    assert (source.key.name, dict(source.fields)) == ("north7", {"subject": "7", "site": "north"})


def test_parts_of_a_night_are_one_recording(tmp_path: Path) -> None:
    """Files that differ in {part} alone belong together, in order, under a name without the part."""
    _files(tmp_path, "s1_b.edf", "s1_a.edf", "s2_a.edf")
    sources = discover(_layout({"signals": "{subject}_{part:1}.edf"}), tmp_path)
    assert [(s.key.name, s.names) for s in sources] == [("s1", ("s1_a.edf", "s1_b.edf")), ("s2", ("s2_a.edf",))]


def test_names_are_safe_as_folders(tmp_path: Path) -> None:
    """Blanks, accents and anything that looks hidden or unfinished are replaced."""
    _files(tmp_path, "d/n 1é.part-2.edf")
    assert _names(discover(_layout({"signals": "d/{subject}.edf"}), tmp_path)) == ["n_1__part-2"]


@pytest.mark.parametrize(
    ("names", "layout", "what"),
    [
        (("a 1.edf", "a_1.edf"), {"signals": "{subject}.edf", "key": "{subject}"}, "name: saw a 1.edf and a_1.edf"),
        (("v1/a.edf", "v2/a.edf"), {"signals": "*/{subject}.edf", "key": "{subject}"}, "v1/a.edf and v2/a.edf"),
        (("a.edf", "A.edf"), {"signals": "{subject}.edf", "key": "{subject}"}, "name: saw A.edf and a.edf"),
    ],
)
def test_two_recordings_of_one_name_are_refused(
    tmp_path: Path, names: tuple[str, ...], layout: dict[str, Any], what: str
) -> None:
    """Both files are named; names that differ in case alone are one folder on some disks."""
    with pytest.raises(ManifestInvalid, match=what):
        discover(_layout(layout), _files(tmp_path, *names))


def test_a_file_claimed_by_two_layouts_is_refused(tmp_path: Path) -> None:
    """Overlapping patterns would convert a night twice."""
    layouts = ({"signals": "{subject}.edf"}, {"signals": "n{subject}.edf", "key": "other{subject}"})
    with pytest.raises(ManifestInvalid, match="same file"):
        discover(_layout(*layouts), _files(tmp_path, "n1.edf"))


def test_the_first_of_several_annotations_is_taken_and_said(tmp_path: Path) -> None:
    """A wildcard may fit several files; a night without any is no error here."""
    _files(tmp_path, "1.edf", "2.edf", "3.edf", "1-b.xml", "1-a.xml", "2-a.xml")
    sources = discover(_layout({"signals": "{subject}.edf", "annotations": "{subject}-*.xml"}), tmp_path)
    assert [s.names[1:] for s in sources] == [("1-a.xml",), ("2-a.xml",), ()]
    assert [[f.code for f in s.findings] for s in sources] == [["PSG-M005"], [], []]
    assert [s.annotations.get("annotations") for s in sources] == [tmp_path / "1-a.xml", tmp_path / "2-a.xml", None]


def test_what_belongs_to_a_signal_file_is_found(tmp_path: Path) -> None:
    """Companions count as sources, between signals and annotations; annotations go by the layout's names."""
    _files(tmp_path, "1.hea", "1.dat", "1.mat", "1.stg.txt", "1.sco.txt", "2.hea", "2.dat", "2.sco.txt")
    layout = {
        "signals": "{subject}.hea",
        "companions": ["{subject}.dat", "{subject}.mat"],
        "annotations": {"stages": "{subject}.stg.txt", "events": "{subject}.sco.txt"},
    }
    rules = [{"format": "epoch_list", "scheme": "rk", "file": name} for name in ("stages", "events")]
    one, two = discover(_layout(layout, annotations=rules), tmp_path)
    assert one.names == ("1.hea", "1.dat", "1.mat", "1.stg.txt", "1.sco.txt")
    assert one.paths == tuple(tmp_path / name for name in one.names)
    assert two.annotations == {"events": tmp_path / "2.sco.txt"}
    assert two.names == ("2.hea", "2.dat", "2.sco.txt")


def test_pseudonyms_of_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Companions and annotations are called by what they are, never by their file."""
    monkeypatch.setenv(SALT, "a long secret")
    _files(tmp_path, "Doe.hea", "Doe.dat", "Doe-a.txt", "Doe-b.txt")
    layout = {
        "signals": "{subject}.hea",
        "companions": "{subject}.dat",
        "annotations": {"first": "{subject}-a.txt", "second": "{subject}-b.txt"},
    }
    rules = [{"format": "epoch_list", "scheme": "rk", "file": name} for name in ("first", "second")]
    [source] = discover(_layout(layout, annotations=rules, privacy={"keys": "pseudonymous"}), tmp_path)
    assert source.names == ("signals-1", "companion-1", "annotation-first", "annotation-second")
    assert "Doe" not in source.describe(AnnotationCorrupt("odd", where="Doe-b.txt"))


def test_published_beats_are_found_and_are_no_source(tmp_path: Path) -> None:
    """A night knows the file to be scored against; what a store is made from, and called, stays without it."""
    _files(tmp_path, "edf/1.edf", "edf/2.edf", "beats/1-rpoint.csv")
    layout = {"signals": "edf/{subject}.edf", "beats": "beats/{subject}-rpoint.csv"}
    one, two = discover(_layout(layout), tmp_path)
    assert (one.beats, two.beats) == (tmp_path / "beats/1-rpoint.csv", None)
    assert (one.names, one.paths) == (("edf/1.edf",), (tmp_path / "edf/1.edf",))


@pytest.mark.parametrize("make", [lambda root: root / "nowhere", lambda root: root])
def test_a_wrong_root_says_what_was_expected(tmp_path: Path, make: Any) -> None:
    """No folder, or nothing in it that fits: an error that shows no path of this machine."""
    with pytest.raises(SourceMissing) as caught:
        discover(_layout({"signals": "edfs/{subject}.edf"}), make(_files(tmp_path, "other/1.edf")))
    assert str(tmp_path) not in str(caught.value)


def test_a_relative_root_makes_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers may start elsewhere."""
    monkeypatch.chdir(_files(tmp_path, "r/1.edf"))
    [source] = discover(_layout({"signals": "{subject}.edf"}), Path("r"))
    assert source.paths == (tmp_path / "r/1.edf",)


def test_the_real_sleep_edf_files_are_paired(data: Path, tmp_path: Path) -> None:
    """A published layout with wildcards pairs signals with the hypnogram of another scorer's letter."""
    _files(tmp_path, "sleep-cassette/SC4001E0-PSG.edf", "sleep-cassette/SC4001EC-Hypnogram.edf")
    _files(tmp_path, "sleep-cassette/SC4002E0-PSG.edf", "sleep-cassette/SC4002EC-Hypnogram.edf")
    sources = discover(load_manifest("sleep_edf"), tmp_path)
    assert [(s.key.name, s.key.subject, s.key.visit, s.names[1]) for s in sources] == [
        ("SC4001E0", "SC400", "night1", "sleep-cassette/SC4001EC-Hypnogram.edf"),
        ("SC4002E0", "SC400", "night2", "sleep-cassette/SC4002EC-Hypnogram.edf"),
    ]


# --- pseudonyms --------------------------------------------------------------------------------------------

CLINIC = {
    "layout": {"signals": "{subject}_{visit}.edf", "visit": "{visit}", "annotations": "{subject}_{visit}.xml"},
    "privacy": {"keys": "pseudonymous"},
}


def test_pseudonyms_hide_every_name_and_keep_persons_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that goes into outputs tells the file's name; one person has one hash over visits."""
    monkeypatch.setenv(SALT, "a long secret")
    _files(tmp_path, "Doe-Jane_v1.edf", "Doe-Jane_v1.xml", "Doe-Jane_v2.edf", "Roe-Max_v1.edf")
    sources = discover(manifest(**CLINIC), tmp_path)
    assert "Doe" not in repr([(s.key, s.names, s.subject, s.findings) for s in sources])
    assert len({s.key.name for s in sources}) == 3
    assert len({s.key.subject for s in sources if s.published_subject == "Doe-Jane"}) == 1
    assert len({s.key.subject for s in sources}) == 2
    assert {s.names for s in sources} == {("signals-1", "annotation"), ("signals-1",)}
    assert all(s.is_pseudonymous for s in sources)


def test_an_error_in_published_beats_names_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of beats bears the person's name as the signals do."""
    monkeypatch.setenv(SALT, "a long secret")
    layout = CLINIC["layout"] | {"beats": "{subject}_{visit}_beats.csv"}
    [source] = discover(
        manifest(**CLINIC | {"layout": layout}), _files(tmp_path, "Roe-Max_v1.edf", "Roe-Max_v1_beats.csv")
    )
    error = AnnotationCorrupt("line 7: seconds is no number", where="Roe-Max_v1_beats.csv")
    assert source.describe(error) == f"{source.key}, beats: line 7: seconds is no number."


def test_pseudonyms_depend_on_the_salt_and_on_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice the same salt gives the same keys, another salt others."""
    _files(tmp_path, "Doe-Jane_v1.edf")
    keys = []
    for salt in ("the first secret", "the first secret", "the second secret"):
        monkeypatch.setenv(SALT, salt)
        keys.append(_names(discover(manifest(**CLINIC), tmp_path))[0])
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 16


def test_pseudonyms_without_a_salt_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unsalted hash of a name is a name, and a short salt is soon found."""
    root = _files(tmp_path, "Doe-Jane_v1.edf")
    for salt in ("", "too short"):
        monkeypatch.setenv(SALT, salt)
        with pytest.raises(ManifestInvalid, match=SALT):
            discover(manifest(**CLINIC), root)


def test_clashes_of_pseudonymous_recordings_show_no_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors are outputs too."""
    monkeypatch.setenv(SALT, "a long secret")
    clinic = {**CLINIC, "layout": {"signals": "*/{subject}.edf", "key": "{subject}"}}
    with pytest.raises(ManifestInvalid) as caught:
        discover(manifest(**clinic), _files(tmp_path, "a/Doe-Jane.edf", "b/Doe-Jane.edf"))
    assert "Doe" not in str(caught.value)
