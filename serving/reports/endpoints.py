"""`/v1/reports` and `/v1/report-profiles`."""

import json
from typing import Annotated

from fastapi import Path as InPath
from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from serving.access.decision import Action, Resource
from serving.door import Door, asks
from serving.look import CurrentLook, Look
from serving.problems import language_of
from serving.reports import repository, service
from serving.reports.document import canonical, digest
from serving.reports.page import report_page
from serving.reports.repository import Profile, Report
from serving.reports.schemas import (
    ProfileAnswer,
    ProfileName,
    ProfileRequest,
    ProfilesAnswer,
    ReportAnswer,
    ReportRequest,
    VerifyAnswer,
    VerifyRequest,
)

door = Door("/v1/reports", "reports")
profiles = Door("/v1/report-profiles", "reports")

AnyNumber = Annotated[str, InPath(max_length=40, description="As printed on the report.")]


@door.post("", status_code=201, response_model=ReportAnswer)
@asks(Action.REPORT_CREATE)
async def create_report(asked: ReportRequest, look: CurrentLook) -> Response:
    """信用报告 · Make the standard credit report of an enterprise, as far as the caller may see it.

    An owner gets everything held about its firm, free and as often as it likes. An institution gets public data,
    and what live consents for the purpose open, in bands and counts unless raw detail was authorised.
    """
    report = await service.give_report(look, asked)
    return _answer(look, report, 201, {"Location": f"/v1/reports/{report.number}"})


@door.post("/verify")
@asks(Action.REPORT_VERIFY)
async def verify_report(asked: VerifyRequest, look: CurrentLook) -> VerifyAnswer:
    """报告核验 · Whether a report is what the platform gave out; for anybody, and nothing else is told."""
    await look.allow(Resource())
    sha256 = asked.sha256 or digest(canonical(asked.document))
    verdict = await service.verdict_on(look, asked.number, sha256)
    look.says(fields=("verdict",))
    return VerifyAnswer(number=asked.number, verdict=verdict)  # type: ignore[arg-type]


@door.get("/{number}.html", response_class=HTMLResponse)
@asks(Action.REPORT_READ)
async def read_report_page(number: AnyNumber, look: CurrentLook, request: Request) -> Response:
    """报告网页 · A report to be read or printed on A4."""
    return _page(look, await service.read_report(look, number), request)


@door.get("/{number}", response_model=ReportAnswer)
@asks(Action.REPORT_READ)
async def read_report(number: AnyNumber, look: CurrentLook, request: Request) -> Response:
    """报告详情 · A report as it was given, as JSON, or as a page to those whose `Accept` prefers HTML."""
    report = await service.read_report(look, number)
    if _prefers_page(request.headers.get("accept", "")):
        return _page(look, report, request)
    return _answer(look, report, 200, {"Vary": "Accept"})


@profiles.put("/{name}")
@asks(Action.REPORT_PROFILE_CHANGE)
async def keep_profile(
    name: ProfileName, asked: ProfileRequest, look: CurrentLook
) -> ProfileAnswer:
    """报告模板 · Make or replace a profile: the sections this institution wants to see."""
    await look.allow(Resource(institution=look.caller.tenant))
    look.says(fields=("profile",), profile=name)
    return _profile(await service.keep_profile(look, name, asked.sections))


@profiles.get("")
@asks(Action.REPORT_PROFILE_READ)
async def list_profiles(look: CurrentLook) -> ProfilesAnswer:
    """报告模板清单 · The profiles of the caller's institution."""
    await look.allow(Resource(institution=look.caller.tenant))
    found = await repository.list_profiles(look.connection, look.caller.tenant)
    look.says(fields=("profile",), profiles=len(found))
    return ProfilesAnswer(items=[_profile(one) for one in found])


def _profile(profile: Profile) -> ProfileAnswer:
    return ProfileAnswer(
        name=profile.name, sections=profile.sections, changed_at=profile.changed_at
    )


def _answer(look: Look, report: Report, status: int, headers: dict[str, str]) -> Response:
    """The report's own text stands in the answer unchanged."""
    head = {
        "number": report.number,
        "sha256": report.sha256,
        "made_at": report.made_at.isoformat(timespec="seconds"),
        "valid_until": report.valid_until.isoformat(),
    }
    text = f'{json.dumps(head)[:-1]}, "report": {service.text_of(look, report)}}}'
    return Response(text, status, headers, media_type="application/json")


def _page(look: Look, report: Report, request: Request) -> Response:
    language = language_of(request, request.app.state.language)
    headers = {"Content-Language": language, "Vary": "Accept, Accept-Language"}
    return HTMLResponse(
        report_page(service.text_of(look, report), report.sha256, language), headers=headers
    )


def _prefers_page(accept: str) -> bool:
    html, plain = accept.find("text/html"), accept.find("application/json")
    return html >= 0 and (plain < 0 or html < plain)
