"""Archives that try to write elsewhere, to link, or to fill the disk; and good ones."""

import io
import os
import tarfile
import zipfile

import pytest

from nbica.datasets.download import unpack
from nbica.datasets.stand_in.contents import tgz, zipped
from nbica.exceptions import DataError


def archive_of(tmp_path, data, name="a.tgz"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def tar_with(*infos):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for info, data in infos:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def zip_with_link():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


@pytest.mark.parametrize("pack", [tgz, zipped])
def test_files_and_folders_come_out(tmp_path, pack):
    """Whatever the archive is called."""
    path = archive_of(tmp_path, pack({"x/y/a.txt": b"a", "./b.txt": b"b"}), "download")
    unpack.unpack(path, tmp_path / "out")

    assert (tmp_path / "out/x/y/a.txt").read_bytes() == b"a"
    assert (tmp_path / "out/b.txt").read_bytes() == b"b"


@pytest.mark.parametrize("pack", [tgz, zipped])
@pytest.mark.parametrize("name", ["../a", "x/../../a", "/etc/a", "C:/a", "..\\a", "C:\\a"])
def test_paths_outside_are_refused(tmp_path, pack, name):
    """Nothing is written anywhere, not even what came before."""
    path = archive_of(tmp_path, pack({"first.txt": b"", name: b"bad"}))
    (tmp_path / "in").mkdir()

    with pytest.raises(DataError, match="a path outside its folder: not unpacked"):
        unpack.unpack(path, tmp_path / "in" / "out")
    assert list((tmp_path / "in").iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tgz", "in"]


@pytest.mark.parametrize(
    "data",
    [
        tar_with(special("link", tarfile.SYMTYPE, "/etc/passwd")),
        tar_with(special("link", tarfile.SYMTYPE, "..")),
        tar_with(special("link", tarfile.LNKTYPE, "/etc/passwd")),
        tar_with(special("device", tarfile.CHRTYPE)),
        tar_with(special("pipe", tarfile.FIFOTYPE)),
        zip_with_link(),
    ],
    ids=["symlink", "symlink up", "hard link", "device", "pipe", "zip"],
)
def test_links_and_devices_are_refused(tmp_path, data):
    """Wherever they point."""
    with pytest.raises(DataError, match="a link or a device: not unpacked"):
        unpack.unpack(archive_of(tmp_path, data), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("pack", [tgz, zipped])
def test_a_bomb_is_refused(tmp_path, pack, monkeypatch):
    """Twenty megabytes of zeros in a few kilobytes: more than 200 times the archive."""
    monkeypatch.setattr(unpack, "_FREELY", 0)
    path = archive_of(tmp_path, pack({"zeros": bytes(20_000_000)}))

    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="more than 200 times its size"):
        unpack.unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_disk_sets_a_bound_too(tmp_path, monkeypatch):
    """What comes out may not exceed what is free."""
    path = archive_of(tmp_path, tgz({"a": os.urandom(10_000)}))

    assert unpack.room(path, free=1000) == 950
    assert unpack.room(path, free=10**12) == unpack._FREELY
    monkeypatch.setattr(unpack, "_FREELY", 0)
    assert unpack.room(path, free=10**12) == 200 * path.stat().st_size


def test_a_member_that_lies_about_its_size_is_refused(tmp_path):
    """A zip that says 1 byte and holds more: not believed."""
    data = bytearray(zipped({"a.txt": b"long enough"}))
    for position in (22, data.index(b"PK\x01\x02") + 24):
        data[position : position + 4] = (1).to_bytes(4, "little")

    with pytest.raises(DataError, match=r"damaged|more of a.txt than it says"):
        unpack.unpack(archive_of(tmp_path, bytes(data)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "data",
    [b"", b"no archive", tgz({"a": os.urandom(9999)})[:5000], zipped({"a": b"b" * 99})[:50]],
    ids=["empty", "something else", "cut tar", "cut zip"],
)
def test_damage_is_said(tmp_path, data):
    """Empty, something else, or cut."""
    with pytest.raises(DataError, match="is damaged or no archive"):
        unpack.unpack(archive_of(tmp_path, data), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_merging_keeps_what_was_there(tmp_path):
    """Files of the same name are replaced, others stay; the source is gone."""
    source, target = tmp_path / "source", tmp_path / "target"
    for folder, name, text in [
        (source / "x", "new.txt", "new"),
        (source / "x" / "deep", "a.txt", "a"),
        (source / "x", "same.txt", "new"),
        (target / "x", "same.txt", "old"),
        (target / "x", "other.txt", "other"),
    ]:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    unpack.merge(source, target)

    found = {p.relative_to(target).as_posix(): p.read_text()
             for p in target.rglob("*") if p.is_file()}  # fmt: skip
    assert found == {
        "x/new.txt": "new", "x/deep/a.txt": "a", "x/same.txt": "new", "x/other.txt": "other",
    }  # fmt: skip
    assert not source.exists()
