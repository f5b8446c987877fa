"""Tests of values of unknown type: True is not 1, and NaN is not a number."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeGuard

from rules.ruleset.sections import KeyRule

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_SHOWN = 80
_LIMIT = 1 << 64


def is_int(value: Any) -> TypeGuard[int]:
    """A whole number of at most 64 bits; a bool is not one."""
    return type(value) is int and -_LIMIT < value < _LIMIT


def is_number(value: Any) -> TypeGuard[float]:
    """A real, finite number that arithmetic can take; a bool is not one."""
    return math.isfinite(value) if isinstance(value, float) else is_int(value)


def all_floats(values: list[Any]) -> bool:
    """Whether each is a finite float, and so a number: at C speed, for whole columns of a log."""
    return set(map(type, values)) == {float} and all(map(math.isfinite, values))


def whole(value: Any) -> int | None:
    """The integer in an int or in a string of digits, as system descriptions write them."""
    if is_int(value):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"\d{1,12}", value.strip()):
        return int(value)
    return None


def same(left: Any, right: Any) -> bool:
    """Equal; fractions to nine digits, so that 1e-3 written by two programs is one value; whole numbers, as seeds are,
    to the last."""
    if is_int(left) and is_int(right):
        return left == right
    if is_number(left) and is_number(right):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-15)
    return type(left) is type(right) and bool(left == right)


def show(value: Any) -> str:
    """A value for a message: short, on one line, without control characters."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**30:
        return "a huge integer"
    text = value if isinstance(value, str) else repr(value)
    text = text[: _SHOWN + 1]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else "\ufffd" for c in text)
    text = text[: _SHOWN - 3] + "..." if len(text) > _SHOWN else text
    return f"'{text}'" if isinstance(value, str) else text


def mismatch(value: Any, rule: KeyRule) -> str | None:
    """Why a value does not fit its key's rule, as 'expected ...'; None when it does."""
    fits, expected = _TYPES[rule.type]
    if not fits(value):
        return expected
    if value is None:
        return None
    if rule.values is not None and value not in rule.values:
        return "one of " + ", ".join(str(v) for v in rule.values)
    if rule.minimum is not None and value < rule.minimum:
        return f"at least {rule.minimum:g}"
    if rule.maximum is not None and value > rule.maximum:
        return f"at most {rule.maximum:g}"
    if rule.above is not None and value <= rule.above:
        return f"above {rule.above:g}"
    if rule.below is not None and value >= rule.below:
        return f"below {rule.below:g}"
    return None


def _numbers(value: Any) -> bool:
    """A number, or a list of them."""
    return all(is_number(v) for v in value) if isinstance(value, list) else is_number(value)


# what fits a type, and how a message calls it; looked up for every line of a log
_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "text": (lambda value: isinstance(value, str) and bool(value.strip()), "a non-empty string"),
    "integer": (is_int, "a whole number"),
    "number": (is_number, "a finite number"),
    "number_or_null": (lambda value: value is None or is_number(value), "a finite number"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "sha256": (lambda value: isinstance(value, str) and bool(_SHA256.match(value)), "64 hex digits"),
    "commit": (lambda value: isinstance(value, str) and bool(_COMMIT.match(value)), "40 hex digits"),
    "mapping": (lambda value: isinstance(value, dict) and bool(value), "a non-empty object"),
    "numbers": (_numbers, "numbers"),
    "pair": (lambda value: isinstance(value, list) and len(value) == 2 and _numbers(value), "two numbers"),
    "nothing": (lambda value: value is None, "null"),
    "any": (lambda value: True, ""),
}
