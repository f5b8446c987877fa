"""What `cloudmask check` prints about a package full of markup and control characters."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import jsonschema
import pytest
from lxml import etree

from harness.check.formats.registry import FORMATS
from rules.model.layout import PackageLayout
from tests.fuzz.test_packages import SCHEMA, XSD
from tests.rules.cases.edits import find
from tests.support.builders import BuiltPackage, PackageOptions, build_package
from tests.support.command import cloudmask
from tests.support.sarif_schema import sarif_schema

NASTY = (
    "\x1b[31m\x1b]8;;http://x\x07\0\x08\u202e\ufffe\ud800]]><script>alert(1)</script>&amp;<!-- --><![CDATA["
    "::error::x\n##[endgroup]\r%0A{{7*7}}`id`$(id)' \"[click](https://example.com)"
)
# a file name may hold all but "/" and NUL, and what is not text at all
NAME = NASTY.replace("/", "").replace("\0", "").replace("\ud800", "\udcff")[:120]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    """A package with nasty text wherever text can stand, and an honest manifest of the rest."""
    built = build_package(tmp_path_factory.mktemp("hostile"), power=True)

    def spoil(events):
        for key in ("opt_name", "submission_platform", "submission_org", "eval_accuracy", "dataset_digest"):
            find(events, key)["value"] = NASTY
        find(events, "run_stop")["metadata"][NASTY] = NASTY
        find(events, "eval_loss")["key"] = NASTY
        find(events, "init_stop")["event_type"] = NASTY
        find(events, "epoch_start")["namespace"] = NASTY
        events.append({**find(events, "seed"), "value": NASTY})

    for run in (1, 2):
        built.edit_events(run, spoil)
    for path in (built.layout.system_json, built.layout.detected, built.layout.plan, built.layout.dataset):
        value = json.loads(path.read_text())
        path.write_text(
            json.dumps({k: NASTY if isinstance(v, str) else v for k, v in value.items()} | {NASTY: 1})
        )
    built.edit_text(built.layout.recipe, lambda text: text + f"{json.dumps(NASTY)}: 1\n")
    built.run_files(3).record.write_text(json.dumps({NASTY: NASTY}))
    for folder in (built.root, built.layout.results_dir, built.layout.run_dir(0), built.layout.code_dir):
        (folder / NAME).write_bytes(b"x")
        (folder / f"{NAME}.json").symlink_to(NAME)
    return _renamed(built)


def _renamed(built: BuiltPackage) -> Path:
    """Another system of a nasty name beside it."""
    folder = built.layout.root / "results" / NAME[:40]
    folder.mkdir()
    return built.layout.root


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_every_format_stands(hostile, tmp_path, capsys, form, packed):
    path = hostile
    if packed:
        path = tmp_path / "hostile [x](y).tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for file in sorted(hostile.rglob("*")):
                if file.is_file() and not file.is_symlink() and file.name.isprintable():
                    archive.add(file, f"org/{file.relative_to(hostile)}")
    code, out, err = cloudmask(capsys, "check", path, "--format", form)
    assert code == 1 and "Traceback" not in err and "checker error" not in out
    out.encode("utf-8")
    if form == "json":
        record = json.loads(out)
        SCHEMA.validate(record)
        assert any("script" in str(f["actual"]) or "script" in f["message"] for f in record["findings"])
    elif form == "junit":
        assert XSD.validate(etree.fromstring(out.encode())), XSD.error_log
    elif form == "sarif":
        schema = sarif_schema()
        jsonschema.validators.validator_for(schema, jsonschema.Draft4Validator)(schema).validate(
            json.loads(out)
        )
        assert "](http" not in out
    else:
        assert all(c == "\n" or c.isprintable() for c in out)
        commands = [line for line in out.split("\n") if line.startswith(("::", "##["))]
        assert form == "github" or commands == []


def test_the_nasty_system_alone(tmp_path, capsys):
    """Names of the organisation and the system that no terminal should show."""
    name = NAME[:60].replace("\udcff", "")
    built = build_package(tmp_path, PackageOptions(org=name, system=name, runs=1, division="open"))
    assert built.layout.root == PackageLayout(tmp_path / name, name).root
    for form in FORMATS:
        code, out, err = cloudmask(capsys, "check", built.root, "--format", form)
        assert code in (0, 1) and "Traceback" not in err and "checker error" not in out
        if form == "junit":
            assert XSD.validate(etree.fromstring(out.encode()))
