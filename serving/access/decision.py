"""The one function that decides: who asks, what for, about whom, with which consent."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from features.documents import Document, load_document
from features.errors import CatalogueError
from features.scope import Purpose
from serving.access.callers import Caller, Role
from serving.errors import (
    NeedAuthorisationError,
    NotAuthenticatedError,
    NotFoundError,
    NotPermittedError,
    ServingError,
)

POLICY = Path(__file__).with_name("policy.yaml")

Reach = Literal["any", "own_firm", "own_institution"]


class Action(StrEnum):
    """Everything that can be asked of the service; `policy.yaml` says by whom."""

    SERVICE_READ = "service:read"
    TOKEN_ISSUE = "token:issue"
    SESSION_OPEN = "session:open"
    SESSION_CLOSE = "session:close"
    SELF_READ = "self:read"
    INSTITUTION_APPLY = "institution:apply"
    INSTITUTION_READ = "institution:read"
    INSTITUTION_CHANGE = "institution:change"
    CLIENT_CREATE = "client:create"
    CLIENT_READ = "client:read"
    CLIENT_CHANGE = "client:change"
    PERSON_CREATE = "person:create"
    PERSON_READ = "person:read"
    PERSON_CHANGE = "person:change"
    PASSWORD_CHANGE = "password:change"
    CONSENT_GRANT = "consent:grant"
    CONSENT_CHANGE = "consent:change"
    CONSENT_READ = "consent:read"
    AUDIT_READ = "audit:read"
    AUDIT_HEADS = "audit:heads"
    DISPUTE_FILE = "dispute:file"
    DISPUTE_READ = "dispute:read"
    DISPUTE_CHANGE = "dispute:change"
    DISPUTE_MARKS = "dispute:marks"
    REVIEW_FILE = "review:file"
    REVIEW_READ = "review:read"
    REVIEW_CHANGE = "review:change"
    REPAIR_FILE = "repair:file"
    REPAIR_READ = "repair:read"
    REPAIR_CHANGE = "repair:change"
    DUTY_READ = "duty:read"
    STATEMENT_CHANGE = "statement:change"
    ALARM_READ = "alarm:read"
    ALARM_CHANGE = "alarm:change"
    RATING_CREATE = "rating:create"
    RATING_READ = "rating:read"
    RATING_LIST = "rating:list"
    RATING_REPLAY = "rating:replay"
    RATING_BATCH_CREATE = "rating_batch:create"
    RATING_BATCH_READ = "rating_batch:read"
    RATING_BATCH_CHANGE = "rating_batch:change"
    MATCH_CREATE = "match:create"
    MATCH_READ = "match:read"
    MATCH_LIST = "match:list"
    PRE_CREDIT_CREATE = "pre_credit:create"
    REVERSE_MATCH_CREATE = "reverse_match:create"
    POLICY_MATCH_READ = "policy_match:read"
    REPORT_CREATE = "report:create"
    REPORT_READ = "report:read"
    REPORT_VERIFY = "report:verify"
    REPORT_PROFILE_READ = "report_profile:read"
    REPORT_PROFILE_CHANGE = "report_profile:change"
    ALERT_READ = "alert:read"
    ALERT_CHANGE = "alert:change"
    ALERT_STATISTICS = "alert:statistics"
    WATCH_LIST_READ = "watch_list:read"
    WATCH_LIST_CHANGE = "watch_list:change"
    PORTFOLIO_READ = "portfolio:read"
    VERIFICATION_ASK = "verification:ask"
    WEBHOOK_CREATE = "webhook:create"
    WEBHOOK_READ = "webhook:read"
    WEBHOOK_CHANGE = "webhook:change"
    LOAN_REPORT = "loan:report"
    LOAN_READ = "loan:read"
    LOAN_TOTALS_DECLARE = "loan_totals:declare"
    LOAN_TOTALS_READ = "loan_totals:read"
    LOAN_COMPLETENESS_READ = "loan_completeness:read"
    GUARANTEE_REPORT = "guarantee:report"
    GUARANTEE_READ = "guarantee:read"
    TAG_READ = "tag:read"
    TAG_CHANGE = "tag:change"
    TAG_CERTIFY = "tag:certify"
    TAG_CONTEST_READ = "tag_contest:read"
    TAG_CONTEST_ANSWER = "tag_contest:answer"
    WAY_UP_READ = "way_up:read"
    PRODUCT_SUBMIT = "product:submit"
    PRODUCT_READ = "product:read"
    PRODUCT_REVIEW = "product:review"
    PRODUCT_CHANGE = "product:change"
    NEED_CREATE = "need:create"
    NEED_READ = "need:read"
    APPLICATION_CREATE = "application:create"
    APPLICATION_READ = "application:read"
    APPLICATION_CHANGE = "application:change"
    APPLICATION_REVISIT = "application:revisit"
    APPLICATION_DUTIES = "application:duties"


@dataclass(frozen=True)
class Resource:
    """What is asked about.

    Attributes
    ----------
    uscc : str
        The enterprise it is about; empty for none.
    institution : str
        The institution whose it is; empty for none.
    needs : frozenset of str
        Consent scopes the answer would read.
    purpose : Purpose or None
        What a consent must be for; None where no consent counts.
    is_public : bool
        Public data alone are read, for which no consent is needed.
    helps : frozenset of str
        Consent scopes the answer can do without and would use; a refusal names them where nothing at all
        is open.
    """

    uscc: str = ""
    institution: str = ""
    needs: frozenset[str] = frozenset()
    purpose: Purpose | None = None
    is_public: bool = False
    helps: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LiveConsent:
    """What an enterprise opens to one institution for one purpose now; nothing, if there is no consent."""

    ids: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()


class Rule(Document):
    """Who may take one action, and how far each reaches."""

    consent: bool = False
    roles: dict[Role, Reach] = Field(min_length=1)


class PolicyDocument(Document):
    """`policy.yaml` as written."""

    actions: dict[Action, Rule]


@cache
def load_policy() -> Mapping[Action, Rule]:
    """Read who may do what.

    Raises
    ------
    CatalogueError
        If the file is malformed, or an action has no rule.
    """
    rules = load_document(POLICY, PolicyDocument, CatalogueError).actions
    missing = sorted(set(Action) - set(rules))
    if missing:
        raise CatalogueError(
            en=f"{POLICY.name}: no rule for {', '.join(missing)}.",
            zh=f"{POLICY.name}：缺少以下操作的规则：{'、'.join(missing)}。",
        )
    return rules


def refusal(
    caller: Caller, action: Action, resource: Resource | None, consent: LiveConsent
) -> ServingError | None:
    """Why this may not be done, or None if it may.

    Parameters
    ----------
    resource : Resource or None
        None asks only whether the role holds the action at all, before anything is looked up.
    consent : LiveConsent
        What the enterprise opens to the caller's institution for the resource's purpose, read in the
        transaction that writes the record.

    Returns
    -------
    ServingError or None
        401 for nobody, 403 where role or permission lacks the action, 404 where the thing is another
        tenant's, 403 `need_authorisation` with the scopes that are closed.
    """
    rule = load_policy()[action]
    reach = rule.roles.get(caller.role) or rule.roles.get(Role.ANONYMOUS)
    if reach is None:
        return _no_role(caller, action)
    is_permitted = action in caller.permissions or Role.ANONYMOUS in rule.roles
    if caller.role is Role.CLIENT and not is_permitted:
        return _no_permission(action)
    if resource is None:
        return None
    if not _reaches(reach, caller, resource):
        return not_found()
    # A firm's own data are its own, and the platform's roles are not given the data themselves.
    if not rule.consent or resource.is_public or reach != "own_institution":
        return None
    closed = resource.needs - consent.scopes
    if closed or not consent.ids:
        return _closed(resource, closed)
    return None


def needs_consent(caller: Caller, action: Action) -> bool:
    """Whether consent decides when this caller takes this action; a firm's own data are its own."""
    rule = load_policy()[action]
    return rule.consent and rule.roles.get(caller.role) == "own_institution"


def not_found() -> NotFoundError:
    """The same words for what is not there and for what is another's."""
    return NotFoundError(
        en="There is no such thing here, or none that you may know of.",
        zh="未找到，或您无权知悉其是否存在。",
    )


def _reaches(reach: Reach, caller: Caller, resource: Resource) -> bool:
    if reach == "any":
        return True
    owner = resource.uscc if reach == "own_firm" else resource.institution
    return bool(caller.tenant) and owner == caller.tenant


def _no_role(caller: Caller, action: Action) -> ServingError:
    if caller.role is Role.ANONYMOUS:
        return NotAuthenticatedError(
            en="This needs a bearer token or a session. Get a token from /v1/token, or log in.",
            zh="此操作需要访问令牌或登录会话；请先从 /v1/token 获取令牌，或登录。",
        )
    return NotPermittedError(
        en=f"The role '{caller.role}' does not hold '{action}'.",
        zh=f"角色“{caller.role}”没有“{action}”权限。",
        details={"action": str(action)},
    )


def _no_permission(action: Action) -> NotPermittedError:
    return NotPermittedError(
        en=f"This client has no permission '{action}'. Ask the platform to add it.",
        zh=f"该客户端没有“{action}”权限，请联系平台开通。",
        details={"action": str(action)},
    )


def _closed(resource: Resource, closed: frozenset[str]) -> NeedAuthorisationError:
    listed = sorted(closed or resource.helps)
    return NeedAuthorisationError(
        en="The enterprise has not authorised this"
        + (f": {', '.join(listed)}." if listed else ".")
        + " Ask it for a consent for this purpose.",
        zh="企业尚未授权"
        + (f"：{'、'.join(listed)}" if listed else "")
        + "，请向企业取得该用途的授权。",
        details={"need_authorisation": listed, "purpose": resource.purpose},
    )
