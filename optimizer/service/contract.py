"""What all routes have in common: how bodies are read, and what the OpenAPI document says of bodies, answers and problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic.json_schema import models_json_schema

from optimizer.service.description import JunctionDescription
from optimizer.service.messages import DecisionAnswer, DecisionRequest
from optimizer.service.plan_messages import JunctionPlansRequest, PlanJob, WavesRequest
from optimizer.service.problem_messages import OptimizeAnswer, OptimizeRequest
from optimizer.service.problems import MEDIA_TYPE, Problem, ProblemError

if TYPE_CHECKING:
    from fastapi import Request
    from pydantic import BaseModel

JSON: Final = "application/json"

MODELS: Final[tuple[type[BaseModel], ...]] = (
    JunctionDescription,
    DecisionRequest,
    DecisionAnswer,
    OptimizeRequest,
    OptimizeAnswer,
    WavesRequest,
    JunctionPlansRequest,
    PlanJob,
    Problem,
)

_TITLES: Final = {
    400: "The body is no JSON.",
    401: "No valid API key.",
    403: "The key does not allow this.",
    404: "There is no such junction or job.",
    409: "The call does not follow the last one, or there is no room.",
    412: "The description has changed or exists.",
    413: "The body is too large.",
    415: "The body is not sent as application/json.",
    422: "The body has not the right form, or contradicts itself.",
    429: "Too many calls.",
    500: "A fault of the service.",
    503: "No answer at the moment.",
}


def reference(model: type[BaseModel]) -> dict[str, str]:
    """Return the reference to a form."""
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI says of a call's body (it is read by the worker, not by FastAPI)."""
    return {"requestBody": {"required": True, "content": {JSON: {"schema": reference(model)}}}}


def answer_of(model: type[BaseModel] | None, says: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Return what OpenAPI says of an answer."""
    found: dict[str, Any] = {"description": says}
    if model is not None:
        found["content"] = {JSON: {"schema": reference(model)}}
    if headers:
        found["headers"] = {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}
    return found


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of the problems that a call may have; some every call may have."""
    return {
        status: {"description": _TITLES[status], "content": {MEDIA_TYPE: {"schema": reference(Problem)}}}
        for status in sorted({*statuses, 401, 403, 429, 500, 503})
    }


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Add the forms to what FastAPI has made of the routes."""
    _, definitions = models_json_schema([(model, "validation") for model in MODELS], ref_template="#/components/schemas/{model}")
    components = document.setdefault("components", {})
    components["schemas"] = {**components.get("schemas", {}), **definitions["$defs"]}
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own; nothing answers with it
        components["schemas"].pop(name, None)
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{}, {"key": []}]
    for path in document["paths"].values():
        for call in path.values():
            content = call.get("responses", {}).get("422", {}).get("content", {})
            if JSON in content:
                del call["responses"]["422"]
    return document


async def json_body(request: Request) -> bytes:
    """Return a body that is sent as JSON, or raise `ProblemError`."""
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != JSON:
        detail = f"The body is sent as {kind[:100] or 'nothing'!r}; send it with Content-Type: application/json."
        raise ProblemError(415, "media-type", "The body is not sent as JSON", detail)
    return await request.body()
