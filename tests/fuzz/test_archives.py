"""Untrusted archives: a folder of plain files below the temporary one, or a UserError; nothing left."""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.check import check_all
from harness.core.errors import UserError
from harness.untrusted import tarball
from harness.untrusted.archives import opened
from tests.fuzz.mutate import byte_changes
from tests.fuzz.profile import cases


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("archives")
    (folder / "temporary").mkdir()
    return folder


@pytest.fixture(scope="module")
def packed(single, place) -> dict[str, bytes]:
    """A compliant package as an uncompressed tar and as a zip."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.add(single.root, single.root.name)
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(single.root.rglob("*")):
            archive.write(path, path.relative_to(single.root.parent))
    return {"tar": stream.getvalue(), "zip": zipped.getvalue()}


def unpack(place: Path, name: str, data: bytes, judge: bool = False) -> str:
    """What became of an archive: "refused", "unpacked" or the verdict."""
    path = place / name
    path.write_bytes(data)
    before = tempfile.tempdir
    tempfile.tempdir = str(place / "temporary")
    try:
        with opened(path) as inside:
            assert inside.is_relative_to(place / "temporary")
            for found in inside.rglob("*"):
                assert not found.is_symlink() and (found.is_file() or found.is_dir())
                assert found.stat().st_nlink == 1 or found.is_dir()
            return check_all(inside)[0][1].verdict if judge else "unpacked"
    except UserError as error:
        assert error.message and "\n" not in error.message
        return "refused"
    finally:
        tempfile.tempdir = before
        assert {p.name for p in place.iterdir()} == {"temporary", name}
        assert not any((place / "temporary").iterdir())
        path.unlink()


def test_sound_archives(packed, place):
    assert unpack(place, "x.tar.gz", gzip.compress(packed["tar"]), judge=True) == "compliant"
    assert unpack(place, "x.zip", packed["zip"], judge=True) == "compliant"


@cases(30)
@given(data=st.data())
def test_changed_tar(packed, place, data):
    """Changed before it is packed, so that gzip's checksum says nothing."""
    spoilt = bytearray(packed["tar"])
    if data.draw(st.booleans(), label="headers"):
        for _ in range(data.draw(st.integers(1, 6))):
            at = 512 * data.draw(st.integers(0, len(spoilt) // 512 - 1)) + data.draw(st.integers(0, 344))
            spoilt[at] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(b"0123456789xgLKS/.")))
            if data.draw(st.booleans(), label="checksum"):
                _resum(spoilt, at - at % 512)
    else:
        spoilt = bytearray(data.draw(byte_changes(bytes(spoilt)))(bytes(spoilt)))
    # what unpacks to something else is not compliant: its manifest sees to that
    unpack(place, "x.tar.gz", gzip.compress(bytes(spoilt), 1), judge=True)


def _resum(archive: bytearray, at: int) -> None:
    """Make a header's checksum agree with it."""
    header = archive[at : at + 512]
    if len(header) == 512:
        header[148:156] = b" " * 8
        archive[at + 148 : at + 156] = f"{sum(header):06o}\0 ".encode()


@cases(30)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_changed_outside(packed, place, kind, data):
    before = gzip.compress(packed["tar"], 1) if kind == "tar" else packed["zip"]
    tail = max(len(before) - 4000, 0)  # where a zip keeps its list of contents
    if data.draw(st.booleans(), label="tail"):
        after = before[:tail] + data.draw(byte_changes(before[tail:]))(before[tail:])
    else:
        after = data.draw(byte_changes(before))(before)
    unpack(place, "x.tar.gz" if kind == "tar" else "x.zip", after)


PARTS = st.sampled_from(
    [
        "results",
        "systems",
        "..",
        ".",
        "",
        "a",
        "A",
        "a.txt",
        "\\",
        "C:",
        "~",
        "x" * 256,
        "\x1b",
        "\u202e",
        "é",
        "con",
    ]
)
NAMES = st.lists(PARTS, min_size=1, max_size=40).map("/".join)
KINDS = st.sampled_from(
    [
        *(tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE) * 3,
        *(tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE),
        *(tarfile.GNUTYPE_SPARSE, tarfile.CONTTYPE, b"Z"),
    ]
)
SIZES = st.sampled_from([0, 1, 511, 512, 513, 10**6, 2**33, 2**62])
HEADERS = st.dictionaries(
    st.sampled_from(["path", "size", "linkpath", "GNU.sparse.major", "mtime", "x"]),
    st.one_of(NAMES, st.sampled_from(["-1", "1e9", "99999999999999999999", "0", "٣"])),
    max_size=2,
)


@cases(80)
@given(
    st.lists(st.tuples(NAMES, KINDS, SIZES, HEADERS, st.binary(max_size=600)), max_size=6),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_any_members_of_a_tar(place, members, form):
    stream = io.BytesIO()
    for name, kind, size, headers, data in members:
        info = tarfile.TarInfo(name or "x")
        info.type, info.size, info.linkname = kind, size, "../../outside"
        info.pax_headers = headers
        stream.write(info.tobuf(form, errors="surrogateescape"))
        stream.write(data + b"\0" * (-len(data) % 512))
    stream.write(b"\0" * 1024)
    unpack(place, "x.tar.gz", gzip.compress(stream.getvalue(), 1))


def small_tar(form: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, data in (
            ("o/systems/a.json", b"{}" * 300),
            ("o/results/" + "x" * 120 + "/result_0.txt", b"hello\n" * 100),
            ("o/results/é.txt", b"hello"),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        folder = tarfile.TarInfo("o/empty")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    return stream.getvalue()


SMALL_TARS = [small_tar(form) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)]
BLOCKS = st.integers(0, len(min(SMALL_TARS, key=len)) // 512 - 1)


def with_checksum(block: bytes) -> bytes:
    return block[:148] + b"%06o\0 " % (sum(block[:148]) + 8 * 32 + sum(block[156:])) + block[156:]


def as_python_reads(content: bytes) -> dict[str, bytes | None]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        found = {}
        for member in archive:
            file = archive.extractfile(member)
            found[member.name] = file.read() if file else None
        return found


@cases(400)
@given(
    content=st.sampled_from(SMALL_TARS),
    at=BLOCKS,
    byte=st.one_of(st.just(156), st.integers(0, 99), st.integers(124, 135), st.integers(257, 511)),
    value=st.one_of(st.sampled_from(b"\0 /0157gxLK\x80"), st.integers(0, 255)),
    swap=st.one_of(st.none(), st.tuples(BLOCKS, BLOCKS)),
)
def test_nobody_reads_a_tar_differently(content, at, byte, value, swap):
    """What we take from an archive is what Python's own reader takes: else a reviewer unpacks other files."""
    blocks = [content[i : i + 512] for i in range(0, len(content), 512)]
    if swap:
        blocks[swap[0]], blocks[swap[1]] = blocks[swap[1]], blocks[swap[0]]
    blocks[at] = with_checksum(blocks[at][:byte] + bytes([value]) + blocks[at][byte + 1 :])
    stream, found = io.BytesIO(b"".join(blocks)), {}
    try:
        for member in tarball.members(stream, 100):
            data = b"".join(iter(lambda: member.read(1 << 20), b""))  # noqa: B023
            found[member.name] = None if member.is_folder else data
    except tarball.Unsafe:
        return
    if not stream.read().strip(b"\0"):  # else refused as well (archives.py)
        assert found == as_python_reads(b"".join(blocks))


@cases(60)
@given(
    st.lists(
        st.tuples(
            NAMES,
            st.sampled_from([0, 0o100644, 0o120777, 0o040755, 0o010644, 0o020644]),
            st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
            st.binary(max_size=100),
        ),
        max_size=6,
    ),
    st.data(),
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_any_members_of_a_zip(place, members, data):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, mode, packing, content in members:
            info = zipfile.ZipInfo(name or "x")
            info.external_attr = mode << 16
            archive.writestr(info, content, packing)
    packed = stream.getvalue()
    if data.draw(st.booleans()):
        packed = data.draw(byte_changes(packed))(packed)
    unpack(place, "x.zip", packed)


@cases(60)
@given(data=st.binary(max_size=2000), name=st.sampled_from(["x.zip", "x.tar.gz", "x.tgz", "x.tar", "x.7z"]))
def test_any_bytes(place, data, name):
    assert unpack(place, name, data) == "refused"
    if name.endswith("gz"):
        assert unpack(place, name, gzip.compress(data)) == "refused"
