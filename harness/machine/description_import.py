"""System descriptions by other tools: mlperf-sysinfo's JSON, in its flat and in its nested shape.

The flat shape has the fields of a training or inference description, as text or numbers. The nested one
(MLPerf Endpoints rules, 8.2.1) has node_types, each with accelerator_info. What the tool did not detect it
writes as "", 0, N/A or "Not detected ...": none of these is an answer here.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.core.errors import UserError
from harness.machine.description import read_description
from harness.machine.detect import FIELDS, OF_THE_ENTRY, TYPED, Detected
from rules.model.package import NOT_PROBED

MAX_TEXT = 500
RENAMED = {"accelerator_memory_type": "accelerator_memory_configuration"}
_ABSENT = ("", "0", "n/a", "not available", "none")


def read_import(path: Path) -> dict[str, str]:
    """The known fields of a description by mlperf-sysinfo, or of any flat one. Raises UserError."""
    found = flat(read_description(path), path)
    if not found:
        raise UserError(
            f"{path} has none of the fields of a system description.",
            "give a JSON file that mlperf-sysinfo wrote, or a systems/<name>.json.",
        )
    return found


def flat(value: dict[str, Any], path: Path) -> dict[str, str]:
    """Either shape as one level of text; fields without an answer are left out. Raises UserError."""
    if "node_types" in value:
        value = _unnested(value, path)
    known = {RENAMED.get(name, name): raw for name, raw in value.items()}
    return {name: text for name in FIELDS if (text := _answer(known.get(name))) is not None}


def _unnested(value: dict[str, Any], path: Path) -> dict[str, Any]:
    nodes = value["node_types"]
    node = nodes[0] if isinstance(nodes, list) and len(nodes) == 1 else None
    if not isinstance(node, dict):
        count = len(nodes) if isinstance(nodes, list) else "no"
        raise UserError(
            f"{path} describes {count} kinds of node.",
            "CloudMask entries are made of one: give its description.",
        )
    listed = node.get("accelerator_info")
    accelerators = [a for a in listed if isinstance(a, dict)] if isinstance(listed, list) else []
    if len(accelerators) > 1:
        raise UserError(
            f"{path} describes {len(accelerators)} kinds of accelerator in a node.", "describe one."
        )
    return {**value, **node, **(accelerators[0] if accelerators else {})}


def _answer(raw: Any) -> str | None:
    if raw is None or isinstance(raw, (dict, list, bool)):
        return None
    text = " ".join(str(raw).split())[:MAX_TEXT]
    absent = text.lower() in _ABSENT or text.lower().startswith("not detected") or text == NOT_PROBED
    return None if absent else text


def with_answers(detected: Detected, answers: dict[str, str]) -> Detected:
    """Fields that the user or another tool states take the place of probed ones, and say so."""
    stated = {name: text for name, text in answers.items() if name not in OF_THE_ENTRY}
    return replace(
        detected,
        fields={**detected.fields, **stated},
        provenance={**detected.provenance, **dict.fromkeys(stated, TYPED)},
    )


def parse_answers(pairs: tuple[str, ...]) -> dict[str, str]:
    """field=value, as --set takes it. Raises UserError, with the nearest field for a typo."""
    answers = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not text.strip():
            raise UserError(f"--set takes FIELD=VALUE, not '{pair:.60}'.")
        if name not in FIELDS or name in OF_THE_ENTRY:
            guess = difflib.get_close_matches(name, [f for f in FIELDS if f not in OF_THE_ENTRY], 1)
            hint = (
                f"did you mean {guess[0]}?" if guess else "the table of `cloudmask system detect` lists them."
            )
            raise UserError(f"'{name:.60}' is not a field that can be set.", hint)
        answers[name] = " ".join(text.split())[:MAX_TEXT]
    return answers
