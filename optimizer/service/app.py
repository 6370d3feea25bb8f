"""The HTTP application."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Header, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from optimizer.service import page, plan_routes, streams
from optimizer.service.contract import JSON, answer_of, body_of, completed, json_body, problems
from optimizer.service.core import is_named
from optimizer.service.decision_calls import DecisionCalls
from optimizer.service.description import JunctionDescription
from optimizer.service.expected import expected
from optimizer.service.gate import Gate, send_problem
from optimizer.service.messages import DecisionAnswer, DecisionRequest
from optimizer.service.problem_messages import OptimizeAnswer, OptimizeRequest
from optimizer.service.problems import ProblemError, fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp

    from optimizer.service.access import Access
    from optimizer.service.core import Core
    from optimizer.service.limits import RateLimits

JunctionName = Annotated[str, Path(min_length=1, max_length=1000, pattern=r"^[^/\\\x00-\x1f\x7f]+$", description="The junction's id.")]
IfMatch = Annotated[str | None, Header(max_length=1000, description="ETag of the description that is meant, several, or `*`.")]
IfNoneMatch = Annotated[str | None, Header(max_length=1000, description="ETags; with PUT `*`: only where there is none yet.")]


def make_app(core: Core, access: Access, limits: RateLimits, most_bytes: int) -> ASGIApp:
    """Return the application: the routes, and the gate before them."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await core.open()
        yield
        await core.close()

    app = FastAPI(
        title="Ampelwerk",
        version="1",
        description="Tells signal controllers every second what to show next. docs/service.md tells how to use it.",
        docs_url=None,  # their page loads its parts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.core = core
    _add_problem_handlers(app)
    _add_state_routes(app, core)
    _add_junction_routes(app, core)
    _add_decision_routes(app, core)
    plan_routes.add_routes(app, core)
    streams.add_routes(app, core, most_bytes)
    page.add_routes(app)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            app.openapi_schema = completed(made)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return Gate(DecisionCalls(app, core), access=access, limits=limits, metrics=core.metrics, most_bytes=most_bytes)


def _add_problem_handlers(app: FastAPI) -> None:
    async def answer(request: Request, problem: ProblemError) -> Response:
        sent: list[Any] = []

        async def keep(message: Any) -> None:  # noqa: ANN401 - an ASGI message
            sent.append(message)

        await send_problem(problem, request.state.request_id, keep)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Response(sent[1]["body"], problem.status, headers)

    @app.exception_handler(ProblemError)
    async def on_problem(request: Request, error: ProblemError) -> Response:
        return await answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [("/".join(str(part) for part in each["loc"]), expected(each)) for each in error.errors()]
        detail = f"{errors[0][0]}: {errors[0][1]}; see the form of the call in /openapi.json."
        return await answer(request, ProblemError(422, "invalid", "The call has not the form that is asked for", detail, errors=errors))

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        details = {
            404: ("There is nothing at this path; /openapi.json lists all paths.", "not-found"),
            405: ("This path does not know the method; /openapi.json lists all methods.", "method"),
        }
        detail, kind = details.get(error.status_code, (str(error.detail), "http"))
        return await answer(request, ProblemError(error.status_code, kind, str(error.detail), detail, headers=error.headers))

    @app.exception_handler(Exception)
    async def on_fault(request: Request, error: Exception) -> Response:
        return await answer(request, fault(repr(error)))


def _add_state_routes(app: FastAPI, core: Core) -> None:
    @app.get("/healthz", responses={200: {"description": "The service lives."}}, tags=["state"])
    async def healthz() -> dict[str, str]:
        """Whether the process answers."""
        return {"status": "alive"}

    ready: dict[int | str, dict[str, Any]] = {200: {"description": "All junctions can be decided for."}, 503: {"description": "Not yet."}}

    @app.get("/readyz", responses=ready, tags=["state"])
    async def readyz() -> Response:
        """Whether all junctions can be decided for; `storage` tells whether what is learnt can be kept."""
        state = {"status": "ready" if core.pool.is_ready else "starting", "storage": "failing" if core.storage_fails else "working"}
        return Response(to_json(state), 200 if core.pool.is_ready else 503, media_type=JSON)

    text: dict[int | str, dict[str, Any]] = {200: {"description": "Figures for Prometheus.", "content": {"text/plain": {}}}, **problems()}

    @app.get("/metrics", responses=text, response_class=Response, tags=["state"])
    async def metrics() -> Response:
        """All figures in the text form of Prometheus."""
        return Response(core.metrics.exposition(await core.board()), media_type=CONTENT_TYPE_LATEST)

    board: dict[int | str, dict[str, Any]] = {
        200: {"description": "Signals, detectors and last answers.", "content": {JSON: {"schema": {"type": "array"}}}},
        **problems(),
    }

    @app.get("/v1/board", responses=board, response_class=Response, tags=["state"])
    async def show_board() -> Response:
        """Return what the live page shows."""
        return Response(to_json(await core.board()), media_type=JSON)


def _add_junction_routes(app: FastAPI, core: Core) -> None:
    names: dict[int | str, dict[str, Any]] = {
        200: {
            "description": "Id and content hash of each junction.",
            "content": {JSON: {"schema": {"type": "array", "items": {"type": "object"}}}},
        },
        **problems(),
    }
    tag = {"ETag": "Content hash of the description."}

    @app.get("/v1/junctions", responses=names, response_class=Response, tags=["junctions"])
    async def list_junctions() -> Response:
        """List the junctions."""
        return Response(
            to_json([{"id": j.id, "hash": j.hash} for j in sorted(core.descriptions.values(), key=lambda j: j.id)]), media_type=JSON
        )

    put_answers = {
        200: answer_of(None, "Replaced, or the same as before.", tag),
        201: answer_of(None, "Described.", tag),
        **problems(400, 409, 412, 413, 415, 422),
    }

    @app.put(
        "/v1/junctions/{name}",
        responses=put_answers,
        response_class=Response,
        openapi_extra=body_of(JunctionDescription),
        tags=["junctions"],
    )
    async def put_junction(request: Request, name: JunctionName, if_match: IfMatch = None, if_none_match: IfNoneMatch = None) -> Response:
        """Describe a junction; it is taken as a whole or not at all."""
        junction, is_new = await core.put(name, await json_body(request), if_match, must_be_new=if_none_match == "*")
        return Response(
            to_json({"id": junction.id, "hash": junction.hash}), 201 if is_new else 200, {"ETag": f'"{junction.hash}"'}, media_type=JSON
        )

    get_answers = {
        200: answer_of(JunctionDescription, "The description.", tag),
        304: {"description": "As If-None-Match says."},
        **problems(404, 422),
    }

    @app.get("/v1/junctions/{name}", responses=get_answers, response_class=Response, tags=["junctions"])
    async def get_junction(name: JunctionName, if_none_match: IfNoneMatch = None) -> Response:
        """Return a description as it was put."""
        junction = core.description(name)
        headers = {"ETag": f'"{junction.hash}"'}
        if if_none_match is not None and is_named(junction.hash, if_none_match, weakly=True):
            return Response(status_code=304, headers=headers)
        return Response(junction.description, headers=headers, media_type=JSON)

    delete_answers: dict[int | str, dict[str, Any]] = {204: {"description": "Forgotten."}, **problems(404, 412, 422)}

    @app.delete("/v1/junctions/{name}", responses=delete_answers, status_code=204, response_class=Response, tags=["junctions"])
    async def delete_junction(name: JunctionName, if_match: IfMatch = None) -> Response:
        """Forget a junction and what was learnt about it."""
        await core.delete(name, if_match)
        return Response(status_code=204)


def _add_decision_routes(app: FastAPI, core: Core) -> None:
    answers = {
        200: answer_of(DecisionAnswer, "What to show next.", {"Ampelwerk-Repeated": "true where the same call was answered before."}),
        **problems(400, 404, 409, 413, 415, 422),
    }
    answers[200]["headers"]["Ampelwerk-Repeated"]["required"] = False

    @app.post(
        "/v1/junctions/{name}/decisions",
        responses=answers,
        response_class=Response,
        openapi_extra=body_of(DecisionRequest),
        tags=["decisions"],
    )
    async def decide(request: Request, name: JunctionName) -> Response:
        """Tell what was seen, and learn what to show next."""
        received_s = time.monotonic()
        reply = await core.answer(name, await json_body(request), received_s, request.state.request_id)
        return Response(reply.body, headers={"Ampelwerk-Repeated": "true"} if reply.repeated else None, media_type=JSON)

    solved = {200: answer_of(OptimizeAnswer, "The plan."), **problems(400, 413, 415, 422)}

    @app.post("/v1/optimize", responses=solved, response_class=Response, openapi_extra=body_of(OptimizeRequest), tags=["decisions"])
    async def optimize(request: Request) -> Response:
        """Solve a whole problem; nothing is kept."""
        return Response(await core.pool.ask_spare("optimize", await json_body(request)), media_type=JSON)
