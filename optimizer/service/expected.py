"""What is expected where a body has the wrong form, in our words: pydantic's own sentences speak of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from optimizer.service.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

_EXPECTED: Final[dict[str, str]] = {
    "missing": "this is missing; give it",
    "extra_forbidden": "there is no such field; leave it out, or correct its name",
    "dict_type": "an object is expected, such as {{...}}, with a value for each name",
    "list_type": "an array is expected, such as [...]",
    "tuple_type": "an array is expected, such as [...]",
    "too_short": "{min_length} or more values are expected, and there are {actual_length}",
    "too_long": "{max_length} values at most are expected, and there are more",
    "int_type": "a whole number is expected",
    "int_parsing": "a whole number is expected",
    "int_parsing_size": "the number is too large; give a smaller one",
    "int_from_float": "a whole number is expected, without a fraction",
    "float_type": "a number is expected",
    "float_parsing": "a number is expected",
    "finite_number": "a finite number is expected, neither NaN nor infinity; where the form allows it, null stands for what is not known",
    "bool_type": "true or false is expected",
    "string_type": "a text is expected, in quotation marks",
    "string_too_short": "the text is too short; give {min_length} characters or more",
    "string_too_long": "the text is too long; give {max_length} characters at most",
    "string_pattern_mismatch": "the text has characters that cannot stand here; it must match {pattern}",
    "string_unicode": "the text is no valid Unicode; send UTF-8",
    "greater_than": "the value is too small; give more than {gt:.16g}",
    "greater_than_equal": "the value is too small; give {ge:.16g} or more",
    "less_than": "the value is too large; give less than {lt:.16g}",
    "less_than_equal": "the value is too large; give {le:.16g} at most",
    "multiple_of": "the value must be a multiple of {multiple_of:.16g}",
    "literal_error": "the value is unknown; give {expected}",
    "enum": "the value is unknown; give {expected}",
    "none_required": "null is expected",
}
"""By pydantic's name of the error; in braces what it knows of it."""


def expected(error: ErrorDetails | Mapping[str, Any]) -> str:
    """Return what is expected at the place of an error, without a full stop."""
    if error["type"] == "model_type":
        names = ", ".join(_fields_of(str(error["ctx"]["class_name"])))
        return f"an object is expected, such as {{...}}, with the fields {names}"
    sentence = _EXPECTED.get(error["type"])
    if sentence is None:
        return " ".join(str(error["msg"]).split()).removesuffix(".")
    return sentence.format(**error.get("ctx", {}))


def _fields_of(form: str) -> list[str]:
    """Return the fields of a form, those first that must be given."""
    waiting: list[type[Wire]] = [Wire]
    while waiting:
        found = waiting.pop()
        if found.__name__ == form:
            return sorted(found.model_fields, key=lambda name: not found.model_fields[name].is_required())
        waiting.extend(found.__subclasses__())
    return []
