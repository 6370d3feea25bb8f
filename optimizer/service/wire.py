"""What all values that go over the wire have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MOST_GROUPS = 62
"""Signal groups at one junction, as `optimizer.horizon.search_tables` holds at most (importing that would load the compiler)."""

MOST_SECONDS = 1e12
"""Larger times are a mistake; one microsecond is still told apart there by a double."""


class Wire(BaseModel):
    """A value that is sent or received as JSON: no unknown fields, no NaN, no infinity, no guessing of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


# The id is part of a path, so it must survive one: no slash, no controls, and neither of the two dots that mean folders.
ID_PATTERN = r"^(?!\.{1,2}$)[^/\\\x00-\x1f\x7f]+$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
JunctionId = Annotated[str, Field(min_length=1, max_length=1000)]
Span = Annotated[float, Field(ge=0, le=86_400, description="Seconds.")]
Metres = Annotated[float, Field(ge=0, le=1e6)]
Speed = Annotated[float, Field(gt=0, le=150)]
TimeS = Annotated[float, Field(ge=-MOST_SECONDS, le=MOST_SECONDS, description="Seconds on the junction's own clock.")]
