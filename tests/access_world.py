"""Everything the access tables ask about, twice: the caller's own and another tenant's.

A room that has things of its own adds them in `things`, and names them in braces in its table.
"""

import itertools
from dataclasses import dataclass, field

from features.identifiers import check_characters
from serving.access.callers import Role
from serving.auth.clients.service import grantable
from serving.auth.marks import digest_of
from serving.auth.passwords import hash_password
from serving.reports.numbers import report_number
from serving.reports.sealing import seal_text
from tests.applying import apply_by_hand
from tests.matching_documents import match_document_by_hand
from tests.rating_documents import rating_document
from tests.service import ANYBODY, Ask, Running

PASSWORD = "a fine long phrase"  # noqa: S105 - of nobody
_HASHED = hash_password(PASSWORD)
_NUMBERS = itertools.count(1)
#: As little as a report's page needs.
_REPORT = (
    '{"number":"","name":"","uscc":"","purpose":"apply","grantee":"","consents":[],"made_at":"","valid_until":"",'
    '"sections":[]}'
)


def code(number: int) -> str:
    """A credit code with right check characters, of nobody."""
    first = f"91371399MA{number:06d}"
    return first + "".join(check_characters(first + "0"))


@dataclass
class World:
    """Things by name, for `own` and for `other`, and callers to whom the own ones belong."""

    running: Running
    things: dict[str, dict[str, str]]
    known: dict[Role, Ask] = field(default_factory=dict[Role, Ask])

    def caller(self, role: Role) -> Ask:
        """Who asks in a role; made when first asked for."""
        if role not in self.known:
            self.known[role] = self._make(role)
        return self.known[role]

    def _make(self, role: Role) -> Ask:
        running, own = self.running, self.things["own"]
        if role is Role.ANONYMOUS:
            return ANYBODY
        if role is Role.CLIENT:
            # The program is its own thing, so that it may change itself.
            token = running.token(
                own["client"], own["secret"], own["institution"], sorted(grantable())
            )
            return Ask(own["client"], own["institution"], {"Authorization": f"Bearer {token}"})
        tenants = {Role.OWNER: own["firm"], Role.OFFICER: own["institution"]}
        return running.person(role, tenants.get(role, ""))


def make_world(running: Running) -> World:
    """New tenants and things that no earlier request has touched."""
    return World(running, {side: _things(running) for side in ("own", "other")})


_MAKE = """
WITH bank AS (
    INSERT INTO institution (uscc, name_zh, kind, state, state_since, assessed_until)
    VALUES (%(institution)s, '测试机构', 'bank', 'active', %(now)s, %(today)s)),
program AS (
    INSERT INTO client (client_id, institution, label, permissions, rate_per_second, burst, state, created_at)
    VALUES (%(client)s, %(institution)s, 'test', %(held)s, 1000, 1000, 'active', %(now)s)),
secret AS (
    INSERT INTO client_secret (secret_id, client_id, digest, created_at)
    VALUES (%(secret)s, %(client)s, %(digest)s, %(now)s)),
human AS (
    INSERT INTO person (person_id, login, password_hash, state, created_at)
    VALUES (%(person)s, %(login)s, %(hash)s, 'active', %(now)s)),
member AS (
    INSERT INTO membership (person_id, role, granted_at) VALUES (%(person)s, 'scientist', %(now)s)),
agreed AS (
    INSERT INTO consent (consent_id, uscc, grantee, purpose, scopes, status, valid_from, valid_to, method, granted_at)
    VALUES (%(consent)s, %(firm)s, %(institution)s, 'apply', '{tax}', 'active', %(today)s, %(today)s,
            'online_sign', %(now)s)),
ordered AS (
    INSERT INTO rating_batch (batch_id, institution, role, asked_by, purpose, is_public_only, state, rows, ordered_at)
    VALUES (%(batch)s, %(institution)s, 'client', %(client)s, 'apply', false, 'running', 1, %(now)s)),
row AS (
    INSERT INTO rating_batch_row (batch_id, row_no, uscc, state) VALUES (%(batch)s, 1, %(firm)s, 'waiting')),
rated AS (
    INSERT INTO rating (rating_id, uscc, institution, asked_by, scope, opened, consents, purpose, need_id,
        is_public_only, as_of, rated_at, valid_until, model, bundle_id, lake_version, score, grade, feature_hash, document)
    VALUES (%(rating)s, %(firm)s, %(institution)s, %(client)s, 'grantee', '{tax}', ARRAY[%(consent)s], 'apply', '',
        false, %(today)s, %(now)s, %(today)s, 'm@1', 'b', 1, 575, 'BB', 'f', %(document)s)),
reported AS (
    INSERT INTO report (number, uscc, institution, asked_by, scope, opened, consents, is_public_only, purpose, profile,
        sections, made_at, valid_until, lake_version, negative_rows, sha256, document)
    VALUES (%(report)s, %(firm)s, %(institution)s, %(client)s, 'grantee', '{tax}', ARRAY[%(consent)s], false, 'apply', '',
        '{tax}', %(now)s, %(today)s, 1, '{}', %(sha256)s, %(sealed)s))
INSERT INTO alarm (kind, actor, raised_at, window_from, count, limit_per_window)
VALUES ('unrelated_enterprises', 'A-0', %(now)s, %(now)s, 51, 50) RETURNING alarm_id
"""
_LOOKED = """
INSERT INTO audit_event (at, request_id, actor_kind, actor, role, tenant, action, subject, consents, fields, result, detail)
VALUES (%(now)s, 'r', 'client', 'A-0', 'client', %(tenant)s, 'rating:create:granted', %(subject)s, '{}', '{}', 'granted', '{}')
RETURNING audit_id
"""

# What the room of cases asks about: one of each kind, just filed, and a statement beside a record.
_CASES = """
WITH cases AS (
    INSERT INTO credit_case (case_id, kind, uscc, dataset, record_key, rating_id, about, text, state, state_since,
        filed_by, filed_at)
    VALUES (%(dispute)s, 'dispute', %(firm)s, 'admin_penalty', '{"doc_no": "1"}', '', 'others', 'x', 'received',
            %(now)s, 'U-0', %(now)s),
           (%(review)s, 'review', %(firm)s, '', '', 'R-0', 'own', 'x', 'requested', %(now)s, 'U-0', %(now)s),
           (%(repair)s, 'repair', %(firm)s, 'admin_penalty', '{"doc_no": "1"}', '', 'others', 'x', 'applied',
            %(now)s, 'U-0', %(now)s))
INSERT INTO owner_statement (statement_id, uscc, dataset, record_key, text, made_by, made_at)
VALUES (%(statement)s, %(firm)s, 'admin_penalty', '{"doc_no": "1"}', 'x', 'U-0', %(now)s)
"""


def add_cases(running: Running, firm: str, number: int) -> dict[str, str]:
    """One case of each kind and a statement, about this firm; their ids by name."""
    letters = {"dispute": "D", "review": "M", "repair": "R", "statement": "T"}
    made = {name: f"{letter}-w{number}" for name, letter in letters.items()}
    running.sql(_CASES, **made, firm=firm, now=running.clock.now)
    return made


# Where the institution hears, with a notice and a sending of it.
_WEBHOOKS = """
WITH endpoint AS (
    INSERT INTO webhook_endpoint (endpoint_id, institution, label, url, state, created_at, changed_at)
    VALUES (%(endpoint)s, %(institution)s, 'test', 'https://receiver.bank.cn/notices', 'active', %(now)s, %(now)s)
    RETURNING endpoint_id),
secret AS (
    INSERT INTO webhook_secret (secret_id, endpoint_id, sealed, created_at)
    SELECT 'K-' || endpoint_id, endpoint_id, '', %(now)s FROM endpoint),
stream AS (
    INSERT INTO webhook_stream (endpoint_id, stream, next_sequence)
    SELECT endpoint_id, %(firm)s, 2 FROM endpoint RETURNING endpoint_id, stream),
posted AS (
    INSERT INTO notice (notice_id, endpoint_id, stream, sequence, thing, kind, uscc, needs, body, state, posted_at)
    SELECT 'N-' || endpoint_id, endpoint_id, stream, 1, 'x', 'alert.changed', stream, '{}', '{}', 'sent', %(now)s
    FROM stream RETURNING notice_id, endpoint_id)
INSERT INTO webhook_attempt (notice_id, endpoint_id, sequence, began_at, outcome, status)
SELECT notice_id, endpoint_id, 1, %(now)s, 'sent', 200 FROM posted
"""


def _add_endpoint(running: Running, things: dict[str, str], number: int) -> dict[str, str]:
    """An endpoint of the institution; its id."""
    names = {"institution": things["institution"], "firm": things["firm"]}
    running.sql(_WEBHOOKS, **names, endpoint=f"W-w{number}", now=running.clock.now)
    return {"endpoint": f"W-w{number}"}


#: A loan of the institution to the firm, as it came from elsewhere.
_LENT = """
WITH said AS (
    INSERT INTO loan_report (report_no, institution, kind, loan_id, uscc, consent_id, version, payload, reported_at,
        reported_by)
    VALUES (nextval('loan_report_no'), %(institution)s, 'grant', %(loan)s, %(firm)s, 'C-0', 1, %(granted)s, %(now)s,
            'A-0'))
INSERT INTO loan (institution, loan_id, lake_id, uscc, granted_on, matures_on, amount_fen, balance_fen, days_past_due,
    five_class, status, updated_at)
VALUES (%(institution)s, %(loan)s, %(loan)s, %(firm)s, '2026-06-01', '2027-06-01', 100000, 100000, 0, 1, 'running', %(now)s)
"""


def add_loan(running: Running, firm: str, institution: str, number: int) -> dict[str, str]:
    """One running loan of 1,000 yuan; its number by name."""
    granted = f'{{"uscc": "{firm}", "granted_on": "2026-06-01", "matures_on": "2027-06-01", "amount": "1000.00"}}'
    made = {"loan": f"L-w{number}"}
    running.sql(
        _LENT, **made, firm=firm, institution=institution, granted=granted, now=running.clock.now
    )
    return made


# What the room of alerts asks about: an alert just pushed, and the firm put on the watch list.
_ALERTS = """
WITH watched AS (
    INSERT INTO watched_firm (institution, uscc, reason, put_by, put_at)
    VALUES (%(institution)s, %(firm)s, 'x', 'U-0', %(now)s))
INSERT INTO alert (alert_id, institution, uscc, name, signal, dimension, level, state, began_at, level_since, as_of,
    counted, less_runs, has_cleared, reopened, repeats, found_on, found_at, model, datasets, needs, evidence, says)
VALUES (%(alert)s, %(institution)s, %(firm)s, '', 'W10', 'F5', 'O', 'pushed', %(now)s, %(now)s, %(now)s, %(now)s, 0,
    false, 0, 0, %(now)s, %(now)s, '', '{admin_penalty}', '{}', '[]', '[]')
"""


def add_alert(running: Running, institution: str, firm: str, number: int) -> dict[str, str]:
    """A warning of this institution about a firm that it lends to and watches; its id by name."""
    made = {"alert": f"W-w{number}"}
    running.sql(_ALERTS, **made, institution=institution, firm=firm, now=running.clock.now)
    return made


#: A tag that the firm contests.
_CONTESTED = """
INSERT INTO tag_contest (contest_id, uscc, tag, text, state, made_by, made_at)
VALUES (%(contest)s, %(firm)s, 'green', 'x', 'open', 'U-0', %(now)s)
"""


def add_contest(running: Running, firm: str, number: int) -> dict[str, str]:
    """One open contest of a tag; its id by name."""
    made = {"contest": f"X-w{number}"}
    running.sql(_CONTESTED, **made, firm=firm, now=running.clock.now)
    return made


# A product of the institution that waits for a review.
_PRODUCTS = """
WITH product AS (
    INSERT INTO product (code, institution, created_at) VALUES (%(product)s, %(institution)s, %(now)s) RETURNING code)
INSERT INTO product_version (code, version, state, valid_from, document, submitted_by, submitted_at)
SELECT code, 1, 'in_review', %(now)s::date, %(document)s, 'A-0', %(now)s FROM product
"""
TERMS = (
    '{"valid_from": "2026-01-01", "source": "test", "regions": ["*"], "limit": {"at_most": "100 万元"}, "rate": {}, '
    '"term_months": {}, "guarantee": ["credit"], "evidence": "V"}'
)


def add_product(running: Running, institution: str, number: int) -> dict[str, str]:
    """A product of the institution, handed in; its code by name."""
    made = {"product": f"W{number}-LOAN"}
    words = '{"zh": "产品", "en": "product"}'
    document = (
        f'{{"code": "{made["product"]}", "name": {words}, "lender": {words}, "institution": "{institution}", '
        f'"versions": [{TERMS}]}}'
    )
    now = running.clock.now
    running.sql(_PRODUCTS, **made, institution=institution, document=document, now=now)
    return made


#: The same once more, granted and to be revisited.
_GRANTED = """
INSERT INTO application (application_id, need_id, match_id, uscc, institution, product, family, grade, state, since,
    expires_at, revisit_by, applied_by, applied_at, amount_fen)
SELECT %(granted_application)s, need_id, match_id, uscc, institution, product, family, grade, 'granted', since,
    expires_at, since + interval '30 days', applied_by, applied_at, 100
FROM application WHERE application_id = %(application)s
"""


def add_application(running: Running, institution: str, firm: str, number: int) -> dict[str, str]:
    """A need the institution's officer took down, a match of the firm and an application, open and granted; ids by name."""
    made = {"applied_product": f"W{number}-GONE"}
    made |= apply_by_hand(running, firm, institution, made["applied_product"], f"w{number}")
    granted = {"granted_application": f"{made['application']}-granted"}
    running.sql(_GRANTED, **granted, application=made["application"])
    return made | granted


#: A match made for the institution, with nothing on the shelf.
_MATCHED = """
INSERT INTO match (match_id, uscc, institution, asked_by, scope, opened, consents, purpose, as_of, made_at, valid_until,
    lake_version, bundle_id, shelf, inputs_hash, eligible, document)
VALUES (%(match)s, %(firm)s, %(institution)s, 'A-0', 'grantee', '{tax}', '{C-0}', 'apply', %(now)s, %(now)s, %(now)s, 1,
    'b', 's', %(hash)s, '{}', %(document)s)
"""


def add_match(running: Running, institution: str, firm: str, number: int) -> dict[str, str]:
    """A match of the firm made for the institution; its id by name."""
    made, now = {"match": f"M-w{number}"}, running.clock.now
    document = match_document_by_hand(made["match"], firm, now)
    running.sql(
        _MATCHED,
        **made,
        institution=institution,
        firm=firm,
        now=now,
        hash="0" * 64,
        document=seal_text(running.house.vault, made["match"], document),
    )
    return made


def _things(running: Running) -> dict[str, str]:
    number = next(_NUMBERS)
    things = {
        "firm": code(4 * number),
        "institution": code(4 * number + 1),
        "applicant": code(4 * number + 2),
        "client": f"A-w{number}",
        "secret": f"S-w{number}",
        "person": f"U-w{number}",
        "login": f"known-{number}",
        "new_login": f"new-{number}",
        "password": PASSWORD,
        "dataset": "admin_penalty",
        "kind": "dispute",
        "tag": "new_citizen",
        "consent": f"C-w{number}",
        "rating": f"R-w{number}",
        "batch": f"B-w{number}",
        "report": report_number(2000, number),
        "profile": "small",
        "channel": "green",
        "today": running.clock.now.date().isoformat(),
        "new_product": f"N{number}-LOAN",
        "product_version": "1",
    }
    more = {
        "held": sorted(grantable()),
        "digest": digest_of(things["secret"]),
        "hash": _HASHED,
        "now": running.clock.now,
        "document": rating_document(rating_id=things["rating"], uscc=things["firm"]),
        "sealed": seal_text(running.house.vault, things["report"], _REPORT),
        "sha256": "0" * 64,
    }
    made = {"alarm": str(running.sql(_MAKE, **things, **more)[0][0])}
    subject = running.house.subject_of(things["firm"])
    row = running.sql(_LOOKED, subject=subject, tenant=things["institution"], now=more["now"])
    made |= add_cases(running, things["firm"], number)
    made |= _add_endpoint(running, things, number)
    made |= add_loan(running, things["firm"], things["institution"], number)
    made |= add_alert(running, things["institution"], things["firm"], number)
    made |= add_contest(running, things["firm"], number)
    made |= add_product(running, things["institution"], number)
    made |= add_application(running, things["institution"], things["firm"], number)
    made |= add_match(running, things["institution"], things["firm"], number)
    return things | made | {"audit_row": str(row[0][0])}
