"""Damaged and hostile packages: no traceback, no checker error, no pass, and it ends."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from harness.check import check_package, render_json, render_text
from harness.package.manifest import write_manifest
from harness.score.score import score
from rules.model.findings import Verdict
from rules.ruleset import load_ruleset

ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1e308,
    -0.0,
    2**63,
    10**40,
    10**400,
    "",
    " ",
    "\x1b[2J\u202e",
    "x" * 5000,
    "9" * 5000,
    [],
    [[]],
    {},
    {"": None},
    ["a", 1, None],
    {"value": "NaN"},
]
OPTIONS = {"power": True, "telemetry": True}


def judge(root: Path) -> Verdict:
    package, verdict = check_package(root)
    score(package, load_ruleset())
    json.loads(render_json(verdict))
    assert "\x1b" not in render_text(verdict)
    defects = [f for f in verdict.findings if f.message.startswith("checker error")]
    assert not defects, defects[0]
    return verdict


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes(fresh, seed):
    built = fresh(**OPTIONS)
    rng = random.Random(seed)
    files = sorted(p for p in built.root.rglob("*") if p.is_file())
    for path in rng.sample(files, 5):
        data = bytearray(path.read_bytes())
        how = rng.randrange(4)
        if how == 0:
            for _ in range(rng.randrange(1, 20)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        elif how == 1:
            del data[rng.randrange(len(data)) :]
        elif how == 2:
            at = rng.randrange(len(data))
            data[at:at] = rng.randbytes(rng.randrange(1, 200))
        else:
            data += data[: rng.randrange(len(data))]
        path.write_bytes(bytes(data))
    assert judge(built.root).verdict == "not_compliant"


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        found.append((value, key))
        _places(value[key], found)
    return found


def _spoil(value: Any, rng: random.Random, times: int) -> Any:
    value = copy.deepcopy(value)
    for _ in range(times):
        places = _places(value, [])
        if places:
            parent, key = rng.choice(places)
            if rng.random() < 0.2:
                del parent[key]
            else:
                parent[key] = copy.deepcopy(rng.choice(ODD))
    return value


@pytest.mark.parametrize("seed", range(60))
def test_odd_values_in_json(fresh, seed):
    """Types and sizes nobody expects, everywhere, in a package whose digests agree with them."""
    built = fresh(**OPTIONS)
    rng = random.Random(seed)
    for path in sorted(built.root.rglob("*.json")):
        path.write_text(json.dumps(_spoil(json.loads(path.read_text()), rng, rng.randrange(1, 6))))
    write_manifest(built.root)
    judge(built.root)


@pytest.mark.parametrize("seed", range(60))
def test_odd_values_in_logs(fresh, seed):
    built = fresh(**OPTIONS)
    rng = random.Random(seed)
    for path in [*built.layout.results_dir.rglob("*.txt")]:
        events = [json.loads(line.split(":::MLLOG ", 1)[1]) for line in path.read_text().splitlines()]
        spoilt = _spoil(events, rng, rng.randrange(1, 40))
        rng.random() < 0.3 and rng.shuffle(spoilt)
        path.write_text("".join(f":::MLLOG {json.dumps(e)}\n" for e in spoilt))
    built.reseal(timeline=rng.random() < 0.5)
    judge(built.root)


def test_yaml_bomb(fresh):
    built = fresh()
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"] + [
        f"{c}: &{c} [{','.join(['*' + p] * 9)}]" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    built.layout.recipe.write_text("\n".join(lines) + "\n")
    built.reseal()
    assert judge(built.root).verdict == "not_compliant"


def test_log_with_a_huge_line_and_deep_nesting(fresh):
    built = fresh()
    with built.layout.result(0).open("a") as stream:
        stream.write(":::MLLOG " + '{"key": ' + "[" * 200_000 + "\n")
        stream.write(":::MLLOG " + '{"key": "' + "x" * 2_000_000 + '"}\n')
    built.reseal()
    assert judge(built.root).verdict == "not_compliant"


def test_folders_in_place_of_files(fresh):
    built = fresh()
    for path in (
        built.layout.system_json,
        built.layout.recipe,
        built.layout.result(1),
        built.layout.manifest,
    ):
        path.unlink()
        path.mkdir()
    assert judge(built.root).verdict == "not_compliant"
