"""The routes of plan jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Path, Request, Response
from pydantic_core import to_json

from optimizer.service.contract import JSON, answer_of, body_of, json_body, problems, reference
from optimizer.service.plan_messages import JunctionPlansRequest, PlanJob, WavesRequest
from optimizer.service.plan_reading import plans_request, waves_request

if TYPE_CHECKING:
    from optimizer.service.core import Core
    from optimizer.service.plan_jobs import Job

JobName = Annotated[str, Path(min_length=1, max_length=100, pattern=r"^[^/\\\x00-\x1f\x7f]+$", description="The job's id.")]
PATH = "/v1/plans/jobs"
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: answer_of(PlanJob, "Taken on.", {"Location": "Where the job is found."}),
    **problems(400, 404, 413, 415, 422),
}


def add_routes(app: FastAPI, core: Core) -> None:
    """Add the routes to an application."""

    @app.post(
        "/v1/plans/waves",
        status_code=202,
        responses=_ACCEPTED,
        response_class=Response,
        openapi_extra=body_of(WavesRequest),
        tags=["plans"],
    )
    async def plan_waves(request: Request) -> Response:
        """Find the green wave of a corridor that is given as plain numbers."""
        wanted = waves_request(await json_body(request))
        return _accepted(core.plans.submit("waves", wanted.model_dump_json().encode()))

    @app.post(
        "/v1/plans/junctions",
        status_code=202,
        responses=_ACCEPTED,
        response_class=Response,
        openapi_extra=body_of(JunctionPlansRequest),
        tags=["plans"],
    )
    async def plan_junctions(request: Request) -> Response:
        """Design fixed-time plans of stored junctions for given flows."""
        body = await json_body(request)
        descriptions = [core.description(flows.id).description for flows in plans_request(body).junctions]
        await core.pool.ask_spare("check_plans", body, [text.encode() for text in descriptions])
        return _accepted(core.plans.submit("junctions", body, descriptions))

    listed: dict[int | str, dict[str, Any]] = {
        200: {"description": "All jobs.", "content": {JSON: {"schema": {"type": "array", "items": reference(PlanJob)}}}},
        **problems(),
    }

    @app.get(PATH, responses=listed, response_class=Response, tags=["plans"])
    async def list_jobs() -> Response:
        """List the jobs, the oldest first; without their results."""
        return Response(to_json([{**job.content(), "result": None} for job in core.plans.all()]), media_type=JSON)

    found: dict[int | str, dict[str, Any]] = {200: answer_of(PlanJob, "State, progress and result."), **problems(404, 422)}

    @app.get(f"{PATH}/{{job}}", responses=found, response_class=Response, tags=["plans"])
    async def get_job(job: JobName) -> Response:
        """Tell how far a job is, and its result."""
        return Response(to_json(core.plans.job(job).content()), media_type=JSON)

    gone: dict[int | str, dict[str, Any]] = {204: {"description": "Cancelled, or forgotten where it was over."}, **problems(404, 422)}

    @app.delete(f"{PATH}/{{job}}", responses=gone, status_code=204, response_class=Response, tags=["plans"])
    async def cancel_job(job: JobName) -> Response:
        """Cancel a job that is not over, and end its process; forget one that is over."""
        core.plans.cancel(job)
        return Response(status_code=204)


def _accepted(job: Job) -> Response:
    return Response(to_json(job.content()), 202, {"Location": f"{PATH}/{job.id}"}, media_type=JSON)
