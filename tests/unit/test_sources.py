"""Where the pictures of a bulk run come from."""

import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from digit_model.sources import SourceError, find

PICTURES = {"b.png": b"second", "a.jpg": b"first", "deeper/c.HEIC": b"third"}
OTHERS = {"notes.txt": b"", ".hidden.png": b"", "deeper/labels.csv": b""}
ORDER = [b"first", b"second", b"third"]


@pytest.fixture
def folder(tmp_path):
    """A folder with three pictures, one of them in a folder of its own, and other files."""
    folder = tmp_path / "scans"
    for name, content in {**PICTURES, **OTHERS}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def fetched(source) -> list[bytes]:
    found = find(str(source))
    return [found.fetch(path) for path in found.paths]


def test_a_folder_gives_its_pictures_in_the_order_of_their_names(folder):
    assert fetched(folder) == ORDER


def test_paths_are_told_as_they_were_given(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert find("scans").paths == ["scans/a.jpg", "scans/b.png", "scans/deeper/c.HEIC"]


def test_a_source_is_found_from_another_folder_too(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    found = find("scans")
    monkeypatch.chdir("/")
    assert [found.fetch(path) for path in found.paths] == ORDER


def test_a_glob_gives_whatever_it_matches(folder):
    assert fetched(folder / "*.txt") == [b""]
    assert fetched(folder / "**" / "*.HEIC") == [b"third"]


def test_a_zip_gives_the_pictures_in_it(folder):
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for name, content in {**PICTURES, **OTHERS}.items():
            archive.writestr(name, content)
    assert find(str(folder / "all.zip")).paths == list(PICTURES)
    assert fetched(folder / "all.zip") == list(PICTURES.values())


def test_a_list_gives_paths_from_its_own_folder_in_its_order(folder):
    (folder / "list.csv").write_text(f"writer,path\n1,b.png\n2,{folder / 'a.jpg'}\n3,\n")
    assert fetched(folder / "list.csv") == [b"second", b"first"]
    pq.write_table(pa.table({"path": ["deeper/c.HEIC", "b.png"]}), folder / "list.parquet")
    assert fetched(folder / "list.parquet") == [b"third", b"second"]


def test_an_address_goes_through_the_engines_file_systems(folder):
    assert fetched(folder.as_uri()) == ORDER
    assert fetched((folder / "b.png").as_uri()) == [b"second"]
    (folder / "list.csv").write_text(f"path\n{(folder / 'b.png').as_uri()}\n")
    assert fetched(folder / "list.csv") == [b"second"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("list.csv", b"file,label\na.png,7\n", "no column path; its columns are file, label"),
        ("list.csv", b"", "no column path"),
        ("all.zip", b"no zip", "no whole zip file"),
        ("none/*.png", None, "No picture was found at .* Give a folder"),
        ("deeper", None, "No picture was found"),
    ],
)
def test_where_nothing_can_be_read_a_sentence_says_what_to_give(tmp_path, name, content, said):
    (tmp_path / "deeper").mkdir()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=said):
        find(str(tmp_path / name))


def test_whatever_is_wrong_with_one_picture_is_an_oserror(folder):
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("a.png", b"content")
    data = bytearray((folder / "all.zip").read_bytes())
    data[data.index(b"content")] ^= 1
    (folder / "all.zip").write_bytes(data)
    (folder / "list.csv").write_text("path\nnonsense://a.png\n")
    for source, said in (("all.zip", "CRC"), ("list.csv", "nonsense")):
        found = find(str(folder / source))
        with pytest.raises(OSError, match=said):
            found.fetch(found.paths[0])


def test_a_missing_picture_is_found_out_when_it_is_fetched(folder):
    (folder / "list.csv").write_text("path\ngone.png\n")
    found = find(str(folder / "list.csv"))
    with pytest.raises(FileNotFoundError):
        found.fetch(found.paths[0])
