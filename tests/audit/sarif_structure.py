"""What SARIF 2.1.0 (OASIS 2020) asks of the parts that `ampelwerk check` writes, as a JSON schema.

The objects and properties are those of the standard's sections 3.13 to 3.33; each object is closed, so that a property that the standard
does not know (or that we misspell) is found. Properties that we do not write are left out.
"""

from __future__ import annotations

from typing import Any, Final


def _object(required: tuple[str, ...], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def _some(one: dict[str, Any], **bounds: int) -> dict[str, Any]:
    return {"type": "array", "items": one, **bounds}


_TEXT: Final = {"type": "string"}
_BAG: Final = {"type": "object"}  # 3.8: any names and values
_MESSAGE: Final = _object(("text",), text={"type": "string", "minLength": 1})  # 3.11, 3.12
_REGION: Final = _object((), startLine={"type": "integer", "minimum": 1})  # 3.30
_ARTIFACT: Final = _object((), uri={"type": "string", "format": "uri-reference"})  # 3.4
_PHYSICAL: Final = {**_object((), artifactLocation=_ARTIFACT, region=_REGION), "required": ["artifactLocation"]}  # 3.29
_LOGICAL: Final = _object((), name=_TEXT, fullyQualifiedName=_TEXT, kind=_TEXT)  # 3.33
_LOCATION: Final = _object((), physicalLocation=_PHYSICAL, logicalLocations=_some(_LOGICAL, minItems=1))  # 3.28
_RESULT: Final = _object(  # 3.27
    ("message",),
    ruleId=_TEXT,
    ruleIndex={"type": "integer", "minimum": -1},
    level={"enum": ["none", "note", "warning", "error"]},
    message=_MESSAGE,
    locations=_some(_LOCATION),
    properties=_BAG,
)
_RULE: Final = _object(("id",), id=_TEXT, shortDescription=_MESSAGE)  # 3.49
_DRIVER: Final = _object(("name",), name=_TEXT, version=_TEXT, rules={**_some(_RULE), "uniqueItems": True})  # 3.19
_RUN: Final = _object(("tool",), tool=_object(("driver",), driver=_DRIVER), results=_some(_RESULT), properties=_BAG)  # 3.14, 3.18

SARIF: Final = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        ("version", "runs"), **{"$schema": {"type": "string", "format": "uri"}}, version={"const": "2.1.0"}, runs=_some(_RUN)
    ),  # 3.13
}
