"""The recipes of containers/, as text: nobody could build them here, so at least what they name exists and fits."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatch

from packaging.specifiers import SpecifierSet

from tests.docs.structure import ROOT
from tests.e2e.test_distribution import TREE

DOCKER = (ROOT / "containers/Dockerfile").read_text()
APPTAINER = (ROOT / "containers/cloudmask.def").read_text()
PROJECT = (ROOT / "pyproject.toml").read_text()
GUIDE = (ROOT / "docs/guides/containers.md").read_text()
KNOWN = {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "ENTRYPOINT", "CMD"}
NEEDED = {*TREE, "constraints.txt"}


def instructions() -> list[tuple[str, str]]:
    lines = [line for line in DOCKER.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def sections() -> dict[str, list[str]]:
    parts = re.split(r"^%(\w+)\n", APPTAINER, flags=re.MULTILINE)
    return {name: [line.strip() for line in body.split("\n") if line.strip()]
            for name, body in zip(parts[1::2], parts[2::2], strict=True)}  # fmt: skip


def install_of(text: str) -> list[str]:
    (found,) = re.findall(r"pip install (.*) \"", text)
    return found.split()


def test_both_begin_from_one_pinned_python_that_the_project_supports() -> None:
    (docker,) = (rest for word, rest in instructions() if word == "FROM")
    (apptainer,) = re.findall(r"^From: (\S+)$", APPTAINER, re.MULTILINE)
    (supported,) = re.findall(r'^requires-python = "(.*)"$', PROJECT, re.MULTILINE)
    assert docker == apptainer and re.fullmatch(r"python:(3\.\d+)-slim", docker)
    assert docker.removeprefix("python:").removesuffix("-slim") in SpecifierSet(supported)


def test_both_copy_what_a_build_needs_and_no_more() -> None:
    copied = [rest.split() for word, rest in instructions() if word == "COPY"]
    assert {source for words in copied for source in words[:-1]} == NEEDED
    assert all(target in ("./", *sources) for *sources, target in copied)  # folders keep their names
    files = [line.split() for line in sections()["files"]]
    assert dict(files) == {name: f"/opt/cloudmask/{name}" for name in NEEDED}
    assert all((ROOT / name).exists() for name in NEEDED)


def test_what_is_copied_is_sent_to_the_engine() -> None:
    lines = (ROOT / "containers/Dockerfile.dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*" and {line[1:] for line in patterns if line.startswith("!")} == NEEDED
    assert not any(fnmatch(name, p) for name in NEEDED for p in patterns[1:] if not p.startswith("!"))


def test_both_install_as_make_setup_does() -> None:
    assert install_of(DOCKER) == install_of(APPTAINER) == ["--no-cache-dir", "-c", "constraints.txt"]
    makefile = (ROOT / "Makefile").read_text()
    assert "-c constraints.txt -e '.$(if $(EXTRA),[$(EXTRA)],)'" in makefile
    assert sections()["arguments"] == ["WHAT=."] and ("ARG", "WHAT=.") in instructions()
    (extra,) = {*re.findall(r"WHAT=\.\[(\w+)\]", DOCKER + APPTAINER + GUIDE)}
    assert re.search(rf"^{extra} = \[", PROJECT, re.MULTILINE)


def test_instructions_are_known_and_in_a_form_that_passes_signals_on() -> None:
    found = instructions()
    assert {word for word, _ in found} <= KNOWN and found[0][0] == "FROM"
    assert all(rest.startswith("/") for word, rest in found if word == "WORKDIR")
    assert [json.loads(rest) for word, rest in found if word in ("ENTRYPOINT", "CMD")] == [
        ["cloudmask"],
        ["--help"],
    ]
    assert 'cloudmask = "harness.cli:main"' in PROJECT
    assert sections()["runscript"] == ['exec cloudmask "$@"']


def test_recipes_and_guide_say_that_nobody_has_built_them() -> None:
    assert "Unexercised" in DOCKER and "Unexercised" in APPTAINER and "Neither has been built by us" in GUIDE
    assert all(f"containers/{name}" in GUIDE for name in ("Dockerfile", "cloudmask.def"))
