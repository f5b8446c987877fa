"""What is odd about a scene's values: what no instrument measures, and what is no mask. Training would take it for
light, warmth or cloud."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# What SLSTR can report (low, high, unit, source), besides 0 for pixels that were not observed; beyond it are fill
# values and counts that were not scaled.
RANGES = {
    "refs": (
        -0.5,
        3.3,
        "(reflectance)",
        "16 bits x 0.0001, Sentinel-3 SLSTR Product Data Format Specification",
    ),
    "bts": (
        100.0,
        620.0,
        "K",
        "16 bits x 0.01 K + 283.73 K, Sentinel-3 SLSTR Product Data Format Specification",
    ),
}
UNKNOWN_MASK = 255.0  # all bits of the 8 of `bayes_in`, of which four are spare (same specification)
FILLS = (-32768.0, 32767.0, 65535.0, -9999.0, -999.0, -99.0, 9.969209968386869e36)
PACKING = {"scale_factor": 1.0, "add_offset": 0.0}  # CF conventions, 8.1, and the values that change nothing
OWN_FILLS = ("_FillValue", "missing_value")  # CF conventions, 2.5.1
ATTRIBUTES = (*PACKING, *OWN_FILLS)


def oddities(name: str, values: np.ndarray, attributes: Mapping[str, float | None]) -> list[str]:
    """A line for each oddity of `refs`, `bts` or `bayes`. `attributes` holds what the data set states of ATTRIBUTES."""
    said = []
    packing = [key for key, plain in PACKING.items() if attributes.get(key) not in (None, plain)]
    if packing:
        said.append(
            f"{name} has the attribute {packing[0]}: its values are packed, and are read as they stand"
        )
    own = [stated for key in OWN_FILLS if (stated := attributes.get(key)) is not None]
    if name not in RANGES:
        return said + _of_mask(name, values, own)
    return said + (_of_counts(name, values) or _out_of_range(name, values) + _marked(name, values, own))


def _of_mask(name: str, values: np.ndarray, own: list[float]) -> list[str]:
    if share := float(np.mean(np.isin(values, (*FILLS, UNKNOWN_MASK, *(value for value in own if value))))):
        return [f"{share:.2%} of {name} are fill values, not a mask"]
    with np.errstate(invalid="ignore"):
        unknown, part = float(np.mean(~(values >= 0))), float(np.mean((values > 0) & (values < 1)))
    if unknown:
        return [f"{unknown:.2%} of {name} are NaN or negative: they are taken for clear sky"]
    if part:
        return [f"{part:.2%} of {name} are fractions, a probability: all above 0 are taken for cloud"]
    return []


def _of_counts(name: str, values: np.ndarray) -> list[str]:
    if values.dtype.kind in "iub":
        unit = RANGES[name][2]
        return [f"{name} holds integers ({values.dtype}): counts that were not scaled, not {unit}"]
    if name == "bts" and not np.any(np.nan_to_num(values)):
        return ["every value of bts is 0: nothing was observed"]
    return []


def _out_of_range(name: str, values: np.ndarray) -> list[str]:
    low, high, unit, source = RANGES[name]
    with np.errstate(invalid="ignore"):
        outside = ((values < low) | (values > high)) & (values != 0)  # 0: not observed
    count = int(np.count_nonzero(outside))
    if not count:
        return []
    odd = values[outside]
    example = next((fill for fill in FILLS if np.any(odd == fill)), float(odd[0]))
    fill = ", a fill value" if example in FILLS else ""
    shown = f"{count / values.size:.2%} of {name} are outside {low:g} to {high:g} {unit}"
    return [f"{shown} (e.g. {example:g}{fill}): {source}"]


def _marked(name: str, values: np.ndarray, own: list[float]) -> list[str]:
    """Values that the file itself calls missing, within the range; those beyond it are said already."""
    low, high = RANGES[name][:2]
    within = [value for value in own if value and low <= value <= high]
    share = float(np.mean(np.isin(values, np.asarray(within, values.dtype)))) if within else 0.0
    return [f"{share:.2%} of {name} are {within[0]:g}, which the file calls missing"] if share else []
