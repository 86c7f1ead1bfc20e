"""The service is what its OpenAPI document says: no defect and no undeclared answer, whatever is sent by whom.

Requests are made from the document, well-formed and not, and go through the whole application without a
socket. Half of them name things that exist.
"""

from collections import Counter
from collections.abc import Callable, Generator
from typing import Any
from zlib import crc32

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serving.access.callers import Role
from serving.auth.clients.service import grantable
from serving.database.addresses import Addresses
from tests.access_world import add_cases
from tests.consents_by_hand import grant
from tests.rated_town import Town, make_town
from tests.service import ANYBODY, OTHER_BANK, Ask, Running, service

#: What of a request is no part of the document: who asks is ours to say.
OURS = {"authorization", "cookie", "sec-fetch-site", "host", "content-length"}
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CALLERS = (Role.OWNER, Role.CLIENT, Role.OPERATOR, Role.ANONYMOUS)
OURS_FAILED = 500
#: What takes something away comes last.
VERBS = ["get", "post", "put", "patch", "delete"]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return make_town(tmp_path_factory.mktemp("described"))


@pytest.fixture(scope="module")
def running(fresh_database: Addresses, town: Town) -> Generator[Running]:
    with service(fresh_database, before=town.move_in) as started:
        yield started


@pytest.fixture(scope="module")
def things(running: Running, town: Town) -> dict[str, str]:
    """Values of parameters and body fields that name what exists."""
    firm = town.usccs[0]
    consent = grant(running, firm, "tax", "invoice", "loan")
    bank = running.bank(sorted(grantable()))
    body = {"uscc": firm, "purpose": "apply"}
    rating = running.post("/v1/ratings", bank, json=body).json()["rating_id"]
    orders = {"usccs": [firm], "purpose": "apply"}
    batch = running.post("/v1/rating-batches", bank, json=orders).json()["batch_id"]
    return {
        "uscc": firm,
        "purpose": "apply",
        "rating_id": rating,
        "consent_id": consent,
        "batch_id": batch,
        "institution": running.institution(OTHER_BANK),
        "client_id": bank.id,
        "person_id": running.auditor().id,
        **add_cases(running, firm, 1),
    }


def caller(running: Running, role: Role, firm: str) -> Ask:
    """Somebody new in a role, so that no request before has ended the session."""
    made: dict[Role, Callable[[], Ask]] = {
        Role.OWNER: lambda: running.owner(firm),
        Role.CLIENT: lambda: running.bank(sorted(grantable())),
        Role.OPERATOR: running.operator,
        Role.ANONYMOUS: lambda: ANYBODY,
    }
    return made[role]()


def name_what_exists(case: Case[Any], things: dict[str, str]) -> None:
    """Put known ids and codes where the request has a place for them."""
    kind = case.operation.path.removeprefix("/v1/").split("/")[0].removesuffix("s")
    known = things | {"case_id": things.get(kind, ""), "statement_id": things["statement"]}
    if kind == "institution":
        known["uscc"] = things["institution"]
    for held in (case.path_parameters, case.query, case.body):
        if isinstance(held, dict):
            held.update({name: known[name] for name in held if known.get(name)})


def send(running: Running, case: Case[Any], who: Ask) -> int:
    """Send it and hold the answer against the document; its status."""
    running.clock.move(seconds=0.5)
    running.client.cookies.clear()
    made = requests.Request(**_kwargs(case)).prepare()
    headers = {k: v for k, v in made.headers.items() if k.lower() not in OURS} | who.headers
    content = made.body.encode() if isinstance(made.body, str) else made.body
    answer = running.ask(
        str(made.method), str(made.url), headers=headers, content=content, who=ANYBODY
    )
    assert answer.status_code < OURS_FAILED, f"{case.as_curl_command()}\n{answer.text}"
    case.validate_response(answer, checks=CHECKS)
    return answer.status_code


def _kwargs(case: Case[Any]) -> dict[str, Any]:
    kwargs = case.as_transport_kwargs(base_url="http://xinqiao.test")
    return {k: kwargs[k] for k in kwargs if k in requests.Request().__dict__ and k != "hooks"}


def try_operation(
    running: Running,
    operation: APIOperation[Any, Any, Any, Any],
    role: Role,
    things: dict[str, str],
    examples: int,
) -> Counter[int]:
    """Requests of one caller to one endpoint, well-formed and not; how often each status came."""
    who = caller(running, role, things["uscc"])
    well_formed = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    malformed = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    statuses = Counter[int]()

    @hypothesis.seed(crc32(f"{operation.label} {role}".encode()))
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=st.one_of(well_formed, well_formed, malformed))
    def sent(case: Case[Any]) -> None:
        if statuses.total() % 2 == 0:
            name_what_exists(case, things)
        statuses[send(running, case, who)] += 1

    sent()
    return statuses


def hold_to_document(running: Running, things: dict[str, str], examples: int) -> set[str]:
    """Try every endpoint as everybody; those that did what they are for at least once."""
    schema = schemathesis.openapi.from_dict(running.app.openapi())
    made = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    found = [one for verb in VERBS for one in made if one.method == verb]
    broken: list[str] = []
    did: set[str] = set()
    for operation in found:
        roles = operation.definition.raw.get("x-roles", [])
        # Who else is refused is held by the access tables.
        for role in (one for one in CALLERS if one in roles or one is Role.ANONYMOUS):
            often = examples if role in roles else 1
            try:
                statuses = try_operation(running, operation, role, things, often)
                did |= {operation.label for status in statuses if status < 300}
            except (Exception, BaseExceptionGroup) as failed:  # noqa: BLE001 - all that is wrong is told at once
                broken.append(f"{operation.label} as {role}: {failed}"[:3000])
    assert not broken, "\n\n".join(broken)
    return did


def test_the_service_is_as_it_describes_itself(running: Running, things: dict[str, str]) -> None:
    assert len(hold_to_document(running, things, examples=5)) > 40


@pytest.mark.soak
def test_the_service_is_as_it_describes_itself_for_long(
    running: Running, things: dict[str, str]
) -> None:
    assert len(hold_to_document(running, things, examples=400)) > 40
