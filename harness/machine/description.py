"""System descriptions (systems/<name>.json): writing one from what was probed, and comparing one
with the machine at hand. The 33 fields are those of MLPerf's submission rules 5.7."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.core.errors import UserError
from harness.core.files import not_utf8
from harness.machine.detect import FIELDS, Detected, gib
from rules.model.package import NOT_PROBED

STATUSES = ("onprem", "cloud", "research", "preview")  # spelling of MLPerf HPC and the Science group
MAX_BYTES = 1 << 20
# firmware and drivers keep part of the installed memory to themselves, and GB is used for GiB
CAPACITY_TOLERANCE = 0.1


def system_description(
    detected: Detected, submitter: str, division: str, status: str, name: str
) -> dict[str, str]:
    """All 33 fields as strings, ready to be written as systems/<name>.json.

    What cannot be probed is blank where the rules allow it, else the words "not probed": not empty,
    not a guess, and `detected.provenance` says "unknown" for it.
    """
    typed = {"submitter": submitter, "division": division, "status": status, "system_name": name}
    known = {**detected.fields, **typed}
    return {field: known.get(field, NOT_PROBED) for field in FIELDS}


def read_description(path: Path) -> dict[str, Any]:
    """A system description from a file. Raises UserError for other files."""
    fix = "write one with `cloudmask system detect --out FILE`."
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(
                f"{path} is larger than {MAX_BYTES} bytes, too large for a system description.", fix
            )
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"Cannot read the system description {path}: {error.strerror}.", fix) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} {not_utf8(error)}.", f"save it as UTF-8, or {fix}") from None
    except (ValueError, RecursionError) as error:
        why = "it begins with a byte order mark" if "BOM" in str(error) else error
        raise UserError(f"{path} is not valid JSON: {why}.", fix) from None
    if not isinstance(value, dict):
        raise UserError(f"{path} is not a system description: a JSON object was expected.", fix)
    return value


# ---------------------------------------------------------------- declared against detected


@dataclass(frozen=True)
class FieldComparison:
    """One field, declared beside detected. `agrees` None: cannot be compared, `note` says why."""

    field: str
    declared: str
    detected: str
    agrees: bool | None
    note: str = ""


def compare(declared: dict[str, Any], detected: Detected) -> list[FieldComparison]:
    """Accelerators, nodes, processors and memory of a description against this machine.

    One node is compared: a declared number of nodes above one is not contradicted by seeing one.
    """
    facts, gpus = detected.facts, detected.accelerators
    unknown = bool(facts.get("accelerators_unknown"))  # there is a driver or a device, and it cannot be asked
    memory = gpus[0].get("memory_bytes") if gpus else None if unknown else 0
    shown = detected.fields
    comparisons = [
        _nodes(declared),
        _count(declared, "accelerators_per_node", None if unknown else len(gpus)),
        _accelerator_model(declared, detected),
        _capacity(declared, "accelerator_memory_capacity", memory),
        _count(declared, "host_processors_per_node", facts.get("sockets")),
        _model(declared, "host_processor_model_name", shown.get("host_processor_model_name", NOT_PROBED)),
        _count(declared, "host_processor_core_count", facts.get("cores_per_socket")),
        _threads(declared, facts.get("threads_per_socket"), facts.get("sockets")),
        _capacity(declared, "host_memory_capacity", facts.get("memory_bytes")),
    ]
    return [c for c in comparisons if c is not None]


def _said(declared: dict[str, Any], name: str) -> str:
    value = declared.get(name)
    return "" if value is None else " ".join(str(value).split())[:200]


def _nodes(declared: dict[str, Any]) -> FieldComparison:
    said = _said(declared, "number_of_nodes")
    if said.isdecimal() and int(said) > 1:
        return FieldComparison(
            "number_of_nodes", said, "1 (this node)", None, "only this node can be seen from here"
        )
    return FieldComparison("number_of_nodes", said, "1", said == "1")


def _count(declared: dict[str, Any], name: str, seen: int | None) -> FieldComparison:
    said = _said(declared, name)
    if seen is None:
        return FieldComparison(name, said, NOT_PROBED, None, "this machine does not tell")
    if not said:
        return FieldComparison(name, said, str(seen), None, "not declared")
    agrees = said.isdecimal() and int(said) == seen
    return FieldComparison(name, said, str(seen), agrees)


def _threads(declared: dict[str, Any], seen: int | None, sockets: int | None) -> FieldComparison:
    """Hardware threads: published descriptions give them per processor, or of all processors together."""
    found = _count(declared, "host_processor_vcpu_count", seen)
    if found.agrees is False and seen and sockets and found.declared == str(seen * sockets):
        return replace(found, agrees=True, note="declared of all processors, detected per processor")
    return found


def _accelerator_model(declared: dict[str, Any], detected: Detected) -> FieldComparison:
    name = "accelerator_model_name"
    said, none_said = _said(declared, name), _is_none(_said(declared, name))
    models = sorted({str(gpu.get("model")) for gpu in detected.accelerators})
    if not models:
        problem = detected.facts.get("accelerator_problem") or "no accelerator found"
        unusable = detected.facts.get("unusable_accelerators") or []
        seen = f"none usable: {'; '.join(unusable)}" if unusable else "none"
        if detected.facts.get("accelerators_unknown"):
            return FieldComparison(name, said, seen if unusable else NOT_PROBED, None, str(problem))
        return FieldComparison(name, said, seen, none_said, "" if none_said else str(problem))
    if none_said:
        return FieldComparison(
            name, said, ", ".join(models), False, "an accelerator is there but not declared"
        )
    answers = [same_model(said, model) for model in models]
    agrees = False if False in answers else (True if all(answers) else None)
    return FieldComparison(name, said, ", ".join(models), agrees)


def _is_none(said: str) -> bool:
    return not said or bool(re.match(r"(n/?a|none|no |0\b|-)", said.lower()))


def _model(declared: dict[str, Any], name: str, seen: str) -> FieldComparison:
    said = _said(declared, name)
    if not said or seen in ("", NOT_PROBED):
        return FieldComparison(
            name, said, seen, None, "not declared" if not said else "this machine does not tell"
        )
    agrees = same_model(said, seen)
    return FieldComparison(
        name, said, seen, agrees, "" if agrees is not None else "names too vague to compare"
    )


def _capacity(declared: dict[str, Any], name: str, seen: int | None) -> FieldComparison:
    """Within 10 %, reading GB as either 10^9 or 2^30 bytes: descriptions use it for both."""
    said = _said(declared, name)
    shown = "none" if seen == 0 else (gib(seen) or NOT_PROBED)
    if seen is None:
        return FieldComparison(name, said, shown, None, "this machine does not tell")
    if seen == 0:
        return FieldComparison(name, said, shown, _is_none(said))
    readings = capacity_bytes(said)
    if not readings:
        return FieldComparison(name, said, shown, None, "no capacity declared that can be compared")
    agrees = any(abs(r - seen) <= CAPACITY_TOLERANCE * max(r, seen) for r in readings)
    return FieldComparison(name, said, shown, agrees)


_CAPACITY = re.compile(r"(?<![\w.])(?:(\d+)\s*[x×]\s*)?(\d+(?:\.\d+)?)\s*([KMGTP])(i?)B\b", re.IGNORECASE)


def capacity_bytes(text: str) -> list[float]:
    """What a capacity may mean in bytes: "80 GB" is 80e9 or 80 x 2^30, "2 x 32 GiB" is 64 x 2^30."""
    match = _CAPACITY.search(text)
    if not match:
        return []
    amount = float(match[1] or 1) * float(match[2])
    power = "KMGTP".index(match[3].upper()) + 1
    return [amount * 1024**power] if match[4] else [amount * 1000**power, amount * 1024**power]


_FORM = {"sxm", "pcie", "nvl", "mezzanine"}


def same_model(declared: str, detected: str) -> bool | None:
    """Whether two names mean the same processor or accelerator; None when one is too vague.

    Compared are the model numbers (A100, 7763, 8480+), and memory size and form (SXM, PCIe) where
    both names state them: "NVIDIA A100" and "NVIDIA A100-SXM4-40GB" agree, "... 80GB" does not
    agree with "... 40GB".
    """
    first, second = _parts(declared), _parts(detected)
    for key in ("memory", "form"):
        if first[key] and second[key] and first[key] != second[key]:
            return False
    models, others = first["model"], second["model"]
    if models and others:
        if set(models) == set(others) or "".join(models) == "".join(others):  # "2690 v4" is "2690v4"
            return True
        return None if set(models) <= set(others) or set(others) <= set(models) else False
    if not models and not others and set(first["words"]) == set(second["words"]):
        return bool(first["words"]) or None
    # words only on one side ("AMD EPYC" in a virtual machine): sharing some neither proves nor contradicts
    return None if set(first["words"]) & set(second["words"]) else False


_NOISE = ("nvidia", "tesla", "corporation", "r", "tm", "cpu", "processor", "gpu", "tensor", "core")
_VARIANTS = ("ti", "super", "xt", "xtx", "ultra", "max")  # another product, though no digit is in it


def _parts(name: str) -> dict[str, list[str]]:
    """The words of a model name by what they say, in order."""
    parts: dict[str, list[str]] = {"memory": [], "form": [], "model": [], "words": []}
    plain = re.sub(r"\([^)]*\)|@.*$", " ", name.lower())
    plain = re.sub(r"(\d)\s+(g(?:i?b)?\b)", r"\1\2", plain)  # "80 GB" is one word
    for token in re.findall(r"\d+-core|[a-z0-9.+]+", plain):
        form = re.sub(r"\d+$", "", token)
        if size := re.fullmatch(r"(\d+)g(?:i?b)?", token):
            parts["memory"].append(size[1])
        elif form in _FORM:
            parts["form"].append(form)
        elif re.fullmatch(r"\d+-core|hbm\w*|gddr\w*|\d+w|[\d.]+[gm]hz", token) or token in _NOISE:
            continue
        else:
            parts["model" if re.search(r"\d", token) or token in _VARIANTS else "words"].append(token)
    return parts
