"""Problem details (RFC 9457): what went wrong, in which field, and what helps. Never a stack trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from optimizer.service.expected import expected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 20
UNKNOWN_JUNCTION = "unknown-junction"


class FieldError(BaseModel):
    """One field that is wrong."""

    field: Annotated[str, Field(description="JSON pointer into the body, or the name of a header or parameter.")]
    detail: str


class Problem(BaseModel):
    """Problem details as of RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(description="Kind of the problem; docs/service.md tells of each.")]
    title: str
    status: int
    detail: Annotated[str, Field(description="What is wrong here and what helps.")]
    request_id: str | None = None
    errors: list[FieldError] = Field(default_factory=list)


class ProblemError(Exception):
    """A call cannot be answered.

    Parameters
    ----------
    status
        HTTP status.
    kind
        Short name of the problem.
    title
        The kind in a few words.
    detail
        What is wrong here and what helps, in one sentence or two.
    errors
        Fields that are wrong, each with its sentence.
    headers
        To be sent with the answer.
    more
        Further members of the problem details.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.title, self.detail = status, kind, title, detail
        self.errors = list(errors)
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    def __reduce__(self) -> tuple[Any, ...]:
        """Let a problem cross from a worker process to the front."""
        return _rebuilt, (self.status, self.kind, self.title, self.detail, self.errors, self.headers, self.more)

    def as_problem(self, request_id: str | None) -> Problem:
        """Return what is sent."""
        return Problem(
            type=f"/problems/{self.kind}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            request_id=request_id,
            errors=[FieldError(field=field, detail=detail) for field, detail in self.errors],
            **self.more,
        )


def _rebuilt(
    status: int, kind: str, title: str, detail: str, errors: list[tuple[str, str]], headers: dict[str, str], more: dict[str, Any]
) -> ProblemError:
    return ProblemError(status, kind, title, detail, errors=errors, headers=headers, more=more)


def from_validation(error: ValidationError) -> ProblemError:
    """Return the problem of a body that is no JSON (400) or not of the form that is asked for (422)."""
    found = error.errors(include_url=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return ProblemError(400, "malformed", "The body is no JSON", f"The body is no JSON ({_plain(found[0]['msg'])}); mend that place.")
    errors = [(_pointer(each["loc"]), expected(each)) for each in found[:MOST_ERRORS]]
    field, sentence = errors[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    detail = f"{field or 'The body'}: {sentence}{more}; see the form of the body in /openapi.json."
    return ProblemError(422, "invalid", "The body has not the form that is asked for", detail, errors=errors)


def contradiction(field: str, sentence: str) -> ProblemError:
    """Return the problem of a body whose parts are of the right form but contradict each other."""
    sentence = sentence.rstrip(".")
    return ProblemError(
        422, "contradiction", "The body contradicts itself", f"{field + ': ' if field else ''}{sentence}.", errors=[(field, sentence)]
    )


def fault(trace: str) -> ProblemError:
    """Return the problem of a call that failed for a fault of ours; the trace is for the log and does not go out."""
    detail = "This is a fault of the service; its log tells more under the request id."
    return ProblemError(500, "fault", "A fault of the service", detail, more={"trace": trace})


def unknown_junction(name: str) -> ProblemError:
    """Return the problem of a junction that nobody has described."""
    detail = f"There is no junction {name[:200]!r}; describe it with PUT /v1/junctions/{{id}} first."
    return ProblemError(404, UNKNOWN_JUNCTION, "Unknown junction", detail)


def _pointer(location: Sequence[int | str]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


def _plain(text: str) -> str:
    return " ".join(text.split())
