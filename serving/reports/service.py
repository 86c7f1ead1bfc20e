"""Deciding about reports: whose look it is, what is open to it, and whether one given may be given again."""

import json
from dataclasses import dataclass, replace

from features.contracts import load_catalogue
from features.errors import UnknownEnterpriseError
from features.lake import Lake
from features.scope import Purpose
from serving.access.callers import Role
from serving.access.decision import LiveConsent, Resource, not_found
from serving.consent.live import read_live, united
from serving.errors import MalformedError
from serving.look import Look
from serving.reading import Stop
from serving.reports import repository
from serving.reports.beside import read_beside
from serving.reports.cut import Cut, Reader, View, cut_report, still_shown
from serving.reports.document import About, Ingredients, canonical, digest, report_document
from serving.reports.errors import ReportOutdatedError
from serving.reports.numbers import is_number, report_number
from serving.reports.repository import Profile, Report
from serving.reports.schemas import ReportRequest
from serving.reports.sealing import seal_text, unseal_text
from serving.reports.sections import Layout, load_layout


@dataclass(frozen=True)
class Order:
    """One report to be made for somebody; `institution` is empty where the firm asks itself."""

    uscc: str
    purpose: Purpose
    institution: str
    profile: Profile | None

    @property
    def wanted(self) -> frozenset[str] | None:
        """Sections of the profile; None is the whole report."""
        return None if self.profile is None else frozenset(self.profile.sections)


async def give_report(look: Look, asked: ReportRequest) -> Report:
    """Make a report for the caller, number it and keep it.

    Raises
    ------
    NotFoundError
        For a firm that is on no register here, or another's firm, or a profile there is not.
    NeedAuthorisationError
        If the profile wants what the enterprise has not opened.
    MalformedError
        If purpose and caller do not go together.
    OverloadedError
        If as many reports are in work as may be.
    """
    order, layout = await _order_of(look, asked), load_layout()
    reader = await look.house.reading.read(lambda _: find_firm(look, order.uscc))
    if reader is None:
        look.asked.append(Resource(uscc=order.uscc, institution=order.institution))
        raise unknown_firm()
    resource, consent = await _allow(look, order, layout)
    view = View(not order.institution, consent.scopes)
    sections = layout.chosen(order.wanted)
    cut = await look.house.reading.read(
        lambda stop: cut_report(reader, sections, view, look.now, stop)
    )
    if cut is None:
        raise unknown_firm()
    report = await _written(look, order, layout, view, cut, consent)
    await repository.add_report(look.connection, report)
    # Who asks again under the same key must still be let see everything the report rests on.
    look.asked[-1] = replace(resource, needs=frozenset(report.opened))
    look.says(fields=report.sections, report=report.number, profile=report.profile)
    return report


async def read_report(look: Look, number: str) -> Report:
    """A report for whoever may still read it: the firm, or who asked while what it rests on is open.

    Raises
    ------
    NotFoundError
        If there is none, or none of the caller's.
    NeedAuthorisationError
        If a scope it was made from has been closed since.
    ReportOutdatedError
        To an institution, if its validity has ended or a record it shows is repaired or public no more.
    """
    report = await repository.find_report(look.connection, number) if is_number(number) else None
    if report is None:
        raise not_found()
    await look.allow(
        Resource(
            uscc=report.uscc,
            institution=report.institution,
            needs=frozenset(report.opened),
            purpose=Purpose(report.purpose),
            is_public=report.is_public_only,
        )
    )
    if look.caller.role is not Role.OWNER:
        await _require_current(look, report)
    look.says(fields=report.sections, report=report.number)
    return report


def text_of(look: Look, report: Report) -> str:
    """The canonical text of a report."""
    return unseal_text(look.house.vault, report.number, report.document)


async def verdict_on(look: Look, number: str, sha256: str) -> str:
    """`authentic`, `altered` or `unknown`."""
    found = await repository.find_digest(look.connection, number) if is_number(number) else None
    if found is None:
        return "unknown"
    return "authentic" if found == sha256 else "altered"


async def keep_profile(look: Look, name: str, sections: list[str]) -> Profile:
    """Make or replace a profile of the caller's institution.

    Raises
    ------
    MalformedError
        If there is no such section.
    """
    codes = load_layout().codes
    unknown = sorted(set(sections) - set(codes))
    if unknown:
        raise MalformedError(
            en=f"{len(unknown)} of the sections do not exist. There are: {', '.join(codes)}.",
            zh=f"有 {len(unknown)} 个章节不存在，可用章节：{'、'.join(codes)}。",
            details={"fields": [{"place": "body.sections", "problem": "unknown_section"}]},
        )
    profile = Profile(name, [code for code in codes if code in sections], look.now)
    await repository.keep_profile(look.connection, look.caller.tenant, profile, look.caller.id)
    return profile


def find_firm(look: Look, uscc: str) -> Reader | None:
    """Where to read about a firm; None if the lake never heard of it. Not for the event loop."""
    lake = Lake(look.house.settings.home / "lake").view()
    try:
        key = lake.find_enterprise(uscc).key
    except UnknownEnterpriseError:
        return None
    return Reader(lake, load_catalogue(), look.house.vault, uscc, key)


def unknown_firm() -> Exception:
    """The same words whether a code is nobody's or merely not on the register."""
    return not_found()


async def _order_of(look: Look, asked: ReportRequest) -> Order:
    is_own = look.caller.role is Role.OWNER
    if (asked.purpose == Purpose.SELF_REPORT) != is_own or (is_own and asked.profile):
        raise MalformedError(
            en="An owner asks for 'self_report' and the whole report; an institution for 'apply', 'pre_credit' "
            "or 'postloan'.",
            zh="企业本人使用 self_report 并取得完整报告；机构使用 apply、pre_credit 或 postloan。",
            details={"fields": [{"place": "body.purpose", "problem": "value"}]},
        )
    institution = "" if is_own else look.caller.tenant
    profile = None
    if asked.profile is not None:
        profile = await repository.find_profile(look.connection, institution, asked.profile)
        if profile is None:
            raise not_found()
    return Order(asked.uscc, Purpose(asked.purpose), institution, profile)


async def _allow(look: Look, order: Order, layout: Layout) -> tuple[Resource, LiveConsent]:
    """Let the caller look: at everything open to it, or without any consent at public data alone."""
    needs = frozenset[str]()
    has_consent = False
    if order.institution:
        needs = layout.scopes_of(order.wanted) if order.wanted is not None else frozenset()
        live = await read_live(
            look.connection, order.uscc, order.institution, order.purpose, look.now
        )
        has_consent = bool(united(live))
    resource = Resource(
        uscc=order.uscc,
        institution=order.institution,
        needs=needs,
        purpose=order.purpose,
        is_public=bool(order.institution) and not has_consent and not needs,
    )
    return resource, await look.allow(resource)


async def _written(
    look: Look, order: Order, layout: Layout, view: View, cut: Cut, consent: LiveConsent
) -> Report:
    """The report as it is kept."""
    sections = layout.chosen(order.wanted)
    codes = [section.code for section in sections]
    rating = None
    if "rating" in codes:
        rating = await repository.newest_rating(
            look.connection,
            uscc=order.uscc,
            institution=order.institution,
            scope=view.kind,
            opened=view.scopes,
            purpose=order.purpose,
            today=look.now.date(),
        )
    running = await repository.next_running(look.connection)
    about = About(
        number=report_number(look.now.year, running),
        uscc=order.uscc,
        purpose=order.purpose,
        grantee=order.institution,
        made_at=look.now,
        consents=consent.ids,
        profile="" if order.profile is None else order.profile.name,
    )
    beside = await read_beside(look.connection, order.uscc)
    made = Ingredients(
        layout, sections, view, cut, None if rating is None else json.loads(rating), beside
    )
    document = report_document(made, about)
    text = canonical(document)
    return Report(
        number=about.number,
        uscc=order.uscc,
        institution=order.institution,
        asked_by=look.caller.id,
        scope=view.kind,
        opened=sorted(view.scopes),
        consents=list(consent.ids),
        is_public_only=bool(order.institution) and not consent.ids,
        purpose=order.purpose,
        profile=about.profile,
        sections=codes,
        made_at=look.now,
        valid_until=look.now.date().fromisoformat(str(document["valid_until"])),
        lake_version=cut.lake_version,
        negative_rows=json.dumps(cut.negative_rows),
        sha256=digest(text),
        document=seal_text(look.house.vault, about.number, text),
    )


async def _require_current(look: Look, report: Report) -> None:
    rows: dict[str, list[int]] = json.loads(report.negative_rows)
    is_current = look.now.date() <= report.valid_until
    if is_current and rows:

        def ask(stop: Stop) -> bool:
            reader = find_firm(look, report.uscc)
            return reader is not None and still_shown(reader, rows, look.now, stop)

        is_current = await look.house.reading.read(ask)
    if not is_current:
        raise ReportOutdatedError(
            en=f"Report {report.number} is past its last day, {report.valid_until}, or shows a record that may not "
            "be shown any more. Ask for a new report.",
            zh=f"报告 {report.number} 已过有效期（{report.valid_until}），或其中的记录已不再公示，请重新申请报告。",
        )
