"""One file of a compliant package damaged in one way: no exception, no defect of ours, no wrong pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from harness.check import check_all, combine
from harness.check.formats.json_record import json_schema
from harness.check.formats.origin import Origin
from harness.check.formats.registry import FORMATS, render
from harness.package.manifest import read_manifest, write_manifest
from harness.score.score import describe, score
from rules.model.findings import Verdict
from rules.ruleset import load_ruleset
from tests.fuzz.mutate import byte_changes, json_changes
from tests.fuzz.profile import cases
from tests.support import SUPPORT
from tests.support.builders import BuiltPackage

XSD = etree.XMLSchema(etree.parse(SUPPORT / "data/junit.xsd"))
SCHEMA = jsonschema.Draft202012Validator(json.loads(json_schema()))


def judge(root: Path) -> Verdict:
    """The verdict, after asking for the score and for every output."""
    found = check_all(root)
    verdict = combine([v for _, v in found], str(root))
    for package, _ in found:
        describe(score(package, load_ruleset()))
    defects = [f for f in verdict.findings if f.message.startswith("checker error")]
    assert not defects, defects[0]
    said = {form: render(form, verdict, Origin(root)) for form in FORMATS}
    SCHEMA.validate(json.loads(said["json"]))
    assert XSD.validate(etree.fromstring(said["junit"].encode())), XSD.error_log
    json.loads(said["sarif"])
    for form in ("text", "github"):
        assert all(c == "\n" or c.isprintable() for c in said[form])
    return verdict


@contextmanager
def changed(path: Path, data: bytes, manifest: bool) -> Iterator[None]:
    """The file with other bytes, and a manifest that agrees where asked for; both as before afterwards."""
    root = next(p for p in path.parents if (p / "systems").is_dir())
    kept = {p: p.read_bytes() for p in (path, root / "MANIFEST.sha256")}
    try:
        path.write_bytes(data)
        if manifest:
            write_manifest(root)
        yield
    finally:
        for name, before in kept.items():
            name.write_bytes(before)


def files(built: BuiltPackage) -> list[Path]:
    return sorted(p for p in built.root.rglob("*") if p.is_file())


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


def draw_change(data: st.DataObject, path: Path) -> bytes:
    """Other bytes for a file: damaged, or where it is JSON or lines of JSON, with odd values."""
    before = path.read_bytes()
    kind = path.suffix
    if kind in (".json", ".jsonl", ".txt") and data.draw(st.booleans(), label="values"):
        if kind == ".json":
            return data.draw(json_changes(json.loads(before))).encode("utf-8", "surrogatepass")
        lines = lines_of(path)
        at = data.draw(st.integers(0, len(lines) - 1), label="line")
        start = ":::MLLOG " if kind == ".txt" else ""
        lines[at] = start + data.draw(json_changes(json.loads(lines[at].removeprefix(start))))
        return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")
    return data.draw(byte_changes(before))(before)


def test_the_packages_are_compliant(closed, single):
    assert judge(closed.root).verdict == judge(single.root).verdict == "compliant"


@cases(10)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["closed", "single"])
def test_a_change_behind_the_manifest(request, kind, data):
    built = request.getfixturevalue(kind)
    path = data.draw(st.sampled_from(files(built)), label="file")
    after = draw_change(data, path)
    listed = read_manifest(built.layout.manifest)
    same = after == path.read_bytes()
    with changed(path, after, manifest=False):
        verdict = judge(built.root).verdict
        if path == built.layout.manifest and not same:
            try:  # order, repeated lines and "*" for " " say nothing
                same = read_manifest(path) == listed
            except ValueError:
                same = False
    assert verdict == ("compliant" if same else "not_compliant")


@cases(15)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["closed", "single"])
def test_a_change_with_the_manifest(request, kind, data):
    built = request.getfixturevalue(kind)
    path = data.draw(st.sampled_from(files(built)), label="file")
    after = draw_change(data, path)
    same = after == path.read_bytes()
    with changed(path, after, manifest=True):
        verdict = judge(built.root).verdict
    assert verdict in ("compliant", "not_compliant")
    if same:
        assert verdict == "compliant"


@cases(10)
@given(data=st.data())
def test_a_single_result_file(closed, tmp_path_factory, data):
    after = draw_change(data, closed.layout.result(0))
    path = tmp_path_factory.mktemp("single") / "result_0.txt"
    path.write_bytes(after)
    judge(path)


@cases(10)
@given(data=st.data())
def test_names_that_no_package_has(single, data):
    """Files of odd names anywhere: the manifest does not list them, and no output is broken by them."""
    name = data.draw(
        st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=40).filter(
            lambda n: n not in (".", "..") and len(n.encode()) < 200
        )
    )
    folder = data.draw(st.sampled_from(sorted({p.parent for p in files(single)})))
    path = folder / name
    if path.exists():
        return
    path.write_bytes(b"x")
    try:
        assert judge(single.root).verdict == "not_compliant"
    finally:
        path.unlink()


def test_a_name_that_is_no_text(single):
    path = Path(str(single.layout.results_dir) + "/result_\udcff.txt")
    path.write_bytes(b"x")
    try:
        assert judge(single.root).verdict == "not_compliant"
    finally:
        path.unlink()
