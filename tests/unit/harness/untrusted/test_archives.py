"""Archives: the same verdict as the folder, and nothing outside the temporary folder, ever."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.check import check_all
from harness.core.errors import UserError
from harness.untrusted import archives
from harness.untrusted.archives import opened, safe_parts
from harness.untrusted.tarball import Unsafe
from tests.unit.harness.untrusted.conftest import pack_zip, tar

PACKERS: dict[str, Callable[[Path, Path], Path]] = {
    "tar.gz": lambda place, folder: tar(place / "x.tar.gz", folder, folder.name),
    "tgz": lambda place, folder: tar(place / "x.tgz", folder, folder.name, tarfile.GNU_FORMAT),
    "ustar": lambda place, folder: tar(place / "x.tar.gz", folder, folder.name, tarfile.USTAR_FORMAT),
    "dot": lambda place, folder: tar(place / f"{folder.name}.tar.gz", folder, "."),
    "zip": lambda place, folder: pack_zip(place / "x.ZIP", folder, folder.name),
    "flat zip": lambda place, folder: pack_zip(place / f"{folder.name}.zip", folder, ""),
    "deep zip": lambda place, folder: pack_zip(place / "x.zip", folder, f"repo/submissions/{folder.name}"),
}


@pytest.mark.parametrize("packer", PACKERS)
def test_the_same_verdict_as_the_folder(package, place, packer):
    archive = PACKERS[packer](place, package)
    ((_, expected),) = check_all(package)
    with opened(archive) as inside:
        ((found, verdict),) = check_all(inside)
    assert found.org == package.name
    assert verdict.findings == expected.findings and verdict.rules == expected.rules


@pytest.mark.skipif(shutil.which("tar") is None, reason="there is no tar command")
@pytest.mark.parametrize("format", ["gnu", "pax", "ustar", "oldgnu"])
def test_what_the_tar_command_writes(package, place, format):
    command = [
        "tar",
        f"--format={format}",
        "-czf",
        str(place / "x.tar.gz"),
        "-C",
        str(package.parent),
        package.name,
    ]
    assert subprocess.run(command, check=False).returncode == 0
    with opened(place / "x.tar.gz") as inside:
        assert {p.relative_to(inside) for p in inside.rglob("*")} == {
            p.relative_to(package) for p in package.rglob("*")
        }


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names(place, format):
    folder = place / "made" / "Org"
    name = "/".join(["systems", *(["n" * 90] * 3)])
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text("x")
    with opened(tar(place / "x.tgz", folder, "Org", format)) as inside:
        assert (inside / name).read_text() == "x"


def test_folders_and_logs_are_passed_through(package, tmp_path):
    for path in (package, package / "MANIFEST.sha256", tmp_path / "nowhere.zip"):
        with opened(path) as inside:
            assert inside == path


# ---------------------------------------------------------------- what is refused


def tar_with(*members: tuple[tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=format) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def file(name: str, data: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    return tarfile.TarInfo(name), data


def pax(**headers: str) -> bytes:
    info, data = file("Org/results/a")
    info.pax_headers = headers
    return tar_with((info, data))


BAD_NAMES = [
    "/etc/passwd",
    "../outside.txt",
    "Org/results/../../../outside.txt",
    "Org//results",
    "C:/x",
    "Org\\..\\x",
    "Org/\x1b[2J",
    "Org/\u202etxt",
    "Org/line\nbreak",
    "/".join("d" * 40),
    "Org/" + "n" * 300,
]
TARS: dict[str, bytes] = {
    **{f"name {name[:20]!r}": tar_with(file("Org/results/a"), file(name)) for name in BAD_NAMES},
    "symbolic link": tar_with(member("Org/results", tarfile.SYMTYPE, "/etc")),
    "link, then through it": tar_with(member("Org", tarfile.SYMTYPE, ".."), file("Org/outside.txt")),
    "hard link": tar_with(member("Org/x", tarfile.LNKTYPE, "../outside.txt")),
    "long link": tar_with(member("Org/x", tarfile.SYMTYPE, "t" * 200), format=tarfile.GNU_FORMAT),
    "device": tar_with(member("Org/null", tarfile.CHRTYPE)),
    "block device": tar_with(member("Org/disk", tarfile.BLKTYPE)),
    "pipe": tar_with(member("Org/pipe", tarfile.FIFOTYPE)),
    "unknown type": tar_with(member("Org/x", b"Z")),
    "twice": tar_with(file("Org/results/a"), file("Org/./results/a")),
    "file and folder": tar_with(file("Org/results"), file("Org/results/a")),
    "folder and file": tar_with(file("Org/results/a"), file("Org/results")),
    "pax path": pax(path="../../outside.txt"),
    "pax link": pax(linkpath="/etc/passwd"),
    "pax sparse": pax(**{"GNU.sparse.name": "../x"}),
    "pax size": pax(size="99999999999999999999"),
    "pax negative size": pax(size="-1"),
    "not gzip": b"PK\x03\x04 this is not a tar",
    "empty": b"",
    "gzip of nothing": gzip.compress(b""),
    "gzip of text": gzip.compress(b"hello" * 300),
    "cut": tar_with(file("Org/results/a", os.urandom(5000)))[:2000],
    "no end": gzip.compress(gzip.decompress(tar_with(file("Org/results/a")))[:1024]),
    "after the end": gzip.compress(gzip.decompress(tar_with(file("Org/results/a"))) + b"more"),
    "checksum": tar_with(file("Org/results/a"))[:-8] + bytes(8),
    "no package": tar_with(file("Org/readme")),
    "two organisations": tar_with(file("A/results/a"), file("B/results/a")),
    "one file": tar_with(file("results")),
}


def refused(path: Path) -> str:
    with pytest.raises(UserError) as error, opened(path):
        raise AssertionError("it was unpacked")
    message = str(error.value)
    assert "\n" not in message and message.isprintable() and error.value.fix
    return message


@pytest.mark.parametrize("name", TARS)
def test_bad_tars(place, name):
    path = place / "x.tar.gz"
    path.write_bytes(TARS[name])
    refused(path)


def test_a_global_header_may_comment_but_not_name(place):
    for headers, good in (({"comment": "0123abcd"}, True), ({"path": "../x"}, False)):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz", pax_headers=headers) as archive:
            archive.addfile(*[tarfile.TarInfo("Org/results/a"), io.BytesIO()])
        path = place / "x.tgz"
        path.write_bytes(stream.getvalue())
        if good:
            with opened(path) as inside:
                assert inside.name == "Org"
        else:
            refused(path)


def zip_with(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for entry, data in entries:
            archive.writestr(entry, data)
    return stream.getvalue()


def zip_member(name: str, mode: int) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info, b"../outside.txt"


def patched(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data and len(old) == len(new)
    return data.replace(old, new)


GOOD_ZIP = zip_with(("Org/results/a", b"x" * 1000))
ZIPS: dict[str, bytes] = {
    **{f"name {name[:20]!r}": zip_with(("Org/results/a", b"x"), (name, b"x")) for name in BAD_NAMES},
    "NUL in a name": patched(zip_with(("Org/results/a#b", b"x")), b"a#b", b"a\0b"),
    "symbolic link": zip_with(zip_member("Org/results", stat.S_IFLNK | 0o777)),
    "device": zip_with(zip_member("Org/null", stat.S_IFCHR | 0o666)),
    "pipe": zip_with(zip_member("Org/pipe", stat.S_IFIFO | 0o666)),
    "bzip2": zip_with(("Org/results/a", b"x"), method=zipfile.ZIP_BZIP2),
    "lzma": zip_with(("Org/results/a", b"x"), method=zipfile.ZIP_LZMA),
    "file and folder": zip_with(("Org/results", b"x"), ("Org/results/a", b"x")),
    "not zip": b"hello",
    "empty": b"",
    "no entries": zip_with(),
    "cut": GOOD_ZIP[:-30],
    "data damaged": patched(GOOD_ZIP, GOOD_ZIP[45:60], bytes(15)),
    "other size": patched(GOOD_ZIP, struct.pack("<I", 1000), struct.pack("<I", 1001)),
    "encrypted": GOOD_ZIP.replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"
    ),
}


@pytest.mark.parametrize("name", ZIPS)
def test_bad_zips(place, name):
    path = place / "x.zip"
    path.write_bytes(ZIPS[name])
    refused(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_two_entries_of_one_name(place):
    path = place / "x.zip"
    path.write_bytes(zip_with(("Org/results/a", b"x"), ("Org/results/a", b"y")))
    assert "twice" in refused(path)


def test_other_archives_are_named_as_such(place):
    path = place / "x.tar.xz"
    path.write_bytes(b"x")
    assert ".tar.gz or .zip" in refused(path)


# ---------------------------------------------------------------- bounds


@pytest.mark.parametrize("form", ["x.tar.gz", "x.zip"])
def test_a_bomb_is_stopped(place, monkeypatch, form):
    monkeypatch.setattr(archives, "RATIO_FREE_BYTES", 1 << 20)
    zeros = bytes(40 << 20)
    path = place / form
    path.write_bytes(
        tar_with(file("Org/results/a", zeros)) if form.endswith("gz") else zip_with(("Org/results/a", zeros))
    )
    assert "times its size" in refused(path)


@pytest.mark.parametrize("form", ["x.tar.gz", "x.zip"])
@pytest.mark.parametrize(
    ("bound", "value", "words"),
    [
        ("MAX_MEMBERS", 3, "more than 3 entries"),
        ("MAX_TOTAL_BYTES", 3000, "more than 3000 bytes"),
        ("MAX_MEMBER_BYTES", 999, "more than 999 bytes"),
    ],
)
def test_bounds(place, monkeypatch, form, bound, value, words):
    monkeypatch.setattr(archives, bound, value)
    names = [f"Org/results/{n}" for n in range(5)]
    data = os.urandom(1000)
    path = place / form
    path.write_bytes(
        tar_with(*(file(n, data) for n in names))
        if form.endswith("gz")
        else zip_with(*((n, data) for n in names))
    )
    assert words in refused(path)


def test_huge_headers_are_not_read(place):
    """A name of 100 MB in a pax header packs to 100 kB."""
    info = tarfile.TarInfo("Org/results/a")
    info.pax_headers = {"comment": "x" * (100 << 20)}
    path = place / "x.tar.gz"
    path.write_bytes(tar_with((info, b"")))
    assert "header" in refused(path)


def test_a_huge_list_of_contents_is_not_read(place, monkeypatch):
    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", 70_000)
    path = place / "x.zip"
    path.write_bytes(zip_with(*((f"Org/results/{n:050}", b"") for n in range(1000))))
    assert "list of contents" in refused(path)


def test_endless_headers_end(place, monkeypatch):
    """Headers that describe no file count as entries."""
    monkeypatch.setattr(archives, "MAX_MEMBERS", 1000)
    header = tarfile.TarInfo.create_pax_global_header({"comment": "x"})
    path = place / "x.tar.gz"
    path.write_bytes(gzip.compress(header * 5000))
    assert "entries" in refused(path)


def extended(kind: bytes, data: bytes) -> bytes:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, len(data)
    return info.tobuf(tarfile.USTAR_FORMAT) + data + b"\0" * (-len(data) % 512)


FILE = tarfile.TarInfo("Org/results/a").tobuf(tarfile.USTAR_FORMAT)
PAX_NAME = extended(tarfile.XHDTYPE, b"22 path=Org/results/b\n")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (PAX_NAME + extended(tarfile.GNUTYPE_LONGNAME, b"Org/c\0") + FILE, "described twice"),
        (FILE + PAX_NAME, "belongs to no file"),
        (extended(tarfile.GNUTYPE_LONGNAME, b"Org/c") + FILE, "damaged"),
        (extended(tarfile.GNUTYPE_LONGNAME, b"Org/c\0/d\0") + FILE, "damaged"),
        (extended(tarfile.DIRTYPE, b"Org/c") + FILE, "content of its own"),
    ],
)
def test_what_readers_understand_differently_is_refused(place, content, reason):
    path = place / "x.tar.gz"
    path.write_bytes(gzip.compress(content + b"\0" * 1024))
    assert reason in refused(path)


def test_an_archive_of_git_is_read(place):
    """git archive begins with a global header, and long names follow in headers of their own."""
    start = tarfile.TarInfo.create_pax_global_header({"comment": "0123abcd"})
    path = place / "x.tar.gz"
    path.write_bytes(gzip.compress(start + PAX_NAME + FILE + FILE + b"\0" * 1024))
    with opened(path) as inside:
        assert sorted(p.name for p in (inside / "results").iterdir()) == ["a", "b"]


def test_safe_parts():
    assert safe_parts("./Org/./results/a b") == ["Org", "results", "a b"]
    assert safe_parts(".") == [] and safe_parts("") == []
    for name in BAD_NAMES:
        with pytest.raises(Unsafe):
            safe_parts(name)
