"""The common base of all values of data.json."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """An immutable value of data.json. Numbers that are not finite are written as null."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="null")
