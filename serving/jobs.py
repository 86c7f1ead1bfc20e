"""What has to be done beside answering: one function a job, one line of the table each."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import psycopg

from features.facts import COLUMNS
from features.lake import Lake
from features.renewal import Shelf, is_behind, renewed
from features.vault import Vault
from serving.alerts import outcomes, tending
from serving.alerts.concentration import look_for_concentration, raise_concentration
from serving.audit.heads import Custody
from serving.audit.sealer import Sealing, seal
from serving.auth.alarms.watch import watch_access
from serving.auth.institutions.leaving import finish_leaving
from serving.consent.export import export_new as export_events
from serving.consent.service import expire_due
from serving.db import Database
from serving.disputes.filing import shared_catalogue
from serving.disputes.tasks import Desk, tend_cases
from serving.landing import Destination
from serving.loans.export import export_new as export_reports
from serving.needs import tasks as needs
from serving.needs.export import export_new as export_stated
from serving.observe.meters import Meters
from serving.ratings.again import rate_again
from serving.ratings.batches.work import work_batches
from serving.ratings.desks import Desks
from serving.ratings.errors import NoModelError
from serving.ratings.triggers.issuing import issue_due
from serving.ratings.triggers.noticing import notice_triggers
from serving.settings import Settings
from serving.verifications.repository import forget_counts
from serving.verifications.rules import load_rules
from serving.watching.rounds import Watcher
from serving.wayup.peers import refresh_peers
from serving.webhooks.dispatching import Dispatcher
from serving.webhooks.secrets import Keyring
from serving.webhooks.sending import Sender
from serving.webhooks.tasks import forget_notices, send_notices

#: How long an answer is remembered under its key, and a session that has ended.
ANSWERS_KEPT = timedelta(hours=24)
SESSIONS_KEPT = timedelta(days=7)
#: Rows of orders rated before the time is looked at again.
ROWS_A_ROUND = 500

#: Consents ended in one transaction.
BATCH = 1000

_OLD_ANSWERS = "DELETE FROM idempotent_answer WHERE created_at < %(before)s"
_DEAD_SESSIONS = "DELETE FROM session WHERE expires_at < %(before)s OR ended_at < %(before)s"


@dataclass(frozen=True)
class Upkeep:
    """What a job may use."""

    settings: Settings
    database: Database
    vault: Vault
    meters: Meters

    @property
    def desks(self) -> Desks:
        """Where ratings are made; the first order opens the model."""
        return self._desks

    @cached_property
    def _desks(self) -> Desks:
        return Desks(self.settings.home)

    @cached_property
    def sender(self) -> Sender:
        """What takes notices over the wire."""
        return Sender(may_loop_back=self.settings.webhooks_to_loopback)

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """Who empties the outbox."""
        return Dispatcher(
            self.database,
            Keyring(self.vault),
            self.sender,
            subject_of=self.subject_of,
            clock=self.settings.now,
        )

    @cached_property
    def renewing(self) -> asyncio.Lock:
        """Held by the job that brings the builds to now, so that no two do it at once."""
        return asyncio.Lock()

    @cached_property
    def watcher(self) -> Watcher:
        """The watch of borrowers; it remembers what it asked about."""
        return Watcher(self.settings.home, self.subject_of)

    def subject_of(self, uscc: str) -> str:
        """The pseudonym under which the record keeps an enterprise."""
        return self.vault.token("audit_subject", uscc)


@dataclass(frozen=True)
class Job:
    """Something done again and again.

    Attributes
    ----------
    every_seconds : float
        Pause after each round.
    work : callable
        Given the upkeep and the time; says how many things it did.
    """

    name: str
    every_seconds: float
    work: Callable[[Upkeep, datetime], Awaitable[int]]


async def seal_record(upkeep: Upkeep, now: datetime) -> int:
    """Take new rows of the record into the tree and sign its head."""
    sealing = await asyncio.to_thread(_seal, upkeep.settings, now)
    upkeep.meters.seal_lag.set(sealing.oldest_wait.total_seconds())
    return sealing.sealed


async def watch(upkeep: Upkeep, now: datetime) -> int:
    """Raise an alarm about who looks at too many strangers."""
    async with upkeep.database.transaction() as connection:
        return await watch_access(connection, now, upkeep.subject_of)


async def finish_exits(upkeep: Upkeep, now: datetime) -> int:
    """End a batch of the consents that an institution which has left still holds."""
    async with upkeep.database.transaction() as connection:
        return await finish_leaving(connection, now, upkeep.subject_of)


async def expire_consents(upkeep: Upkeep, now: datetime) -> int:
    """End consents whose last day has passed."""
    total, ended = 0, BATCH
    while ended == BATCH:
        async with upkeep.database.transaction() as connection:
            ended = await expire_due(connection, now, upkeep.subject_of, limit=BATCH)
        total += ended
    return total


async def export_consents(upkeep: Upkeep, now: datetime) -> int:
    """Let the lake know what was granted, narrowed, revoked or expired since."""
    async with upkeep.database.connection() as connection:  # it begins its own, one for each step
        return await export_events(connection, _destination(upkeep, "consent_events"), now=now)


async def export_loans(upkeep: Upkeep, now: datetime) -> int:
    """Let the lake know what was reported of loans since."""
    async with upkeep.database.connection() as connection:
        return await export_reports(connection, _destination(upkeep, "loans"), now=now)


async def export_needs(upkeep: Upkeep, now: datetime) -> int:
    """Let the lake know what firms need, and how it went with what they applied for."""
    async with upkeep.database.connection() as connection:
        return await export_stated(connection, _destination(upkeep, "needs"), now=now)


def _destination(upkeep: Upkeep, name: str) -> Destination:
    home = upkeep.settings.home
    return Destination(Lake(home / "lake"), shared_catalogue(), upkeep.vault, home / "run" / name)


async def renew_vectors(upkeep: Upkeep, now: datetime) -> int:
    """Keep the online vectors at today: after midnight all, after a landing what it touched."""
    home = upkeep.settings.home
    shelf = Shelf(home / "lake", home / "online", COLUMNS)
    async with upkeep.renewing:
        if not await asyncio.to_thread(is_behind, shelf, now.date(), now=now):
            return 0
        await asyncio.to_thread(renewed, shelf, now.date(), now=now)
    return 1


async def watch_borrowers(upkeep: Upkeep, now: datetime) -> int:
    """Ask the signals about borrowers whose records, loans or consents changed, and daily about all."""
    async with upkeep.renewing:
        return await upkeep.watcher.work(upkeep.database, now)


async def watch_concentration(upkeep: Upkeep, now: datetime) -> int:
    """Tell the platform of regions, industries and products in which too many loans are late."""
    found = await asyncio.to_thread(look_for_concentration, upkeep.settings.home, now)
    async with upkeep.database.transaction() as connection:
        return await raise_concentration(connection, found, now)


async def drop_old_answers(upkeep: Upkeep, now: datetime) -> int:
    """Forget answers whose key may be used anew."""
    async with upkeep.database.transaction() as connection:
        return (await connection.execute(_OLD_ANSWERS, {"before": now - ANSWERS_KEPT})).rowcount


async def drop_dead_sessions(upkeep: Upkeep, now: datetime) -> int:
    """Forget sessions that ended a while ago; the record keeps that there were any."""
    async with upkeep.database.transaction() as connection:
        return (await connection.execute(_DEAD_SESSIONS, {"before": now - SESSIONS_KEPT})).rowcount


async def drop_old_counts(upkeep: Upkeep, now: datetime) -> int:
    """Forget how often somebody verified what no limit looks back to."""
    async with upkeep.database.transaction() as connection:
        return await forget_counts(connection, now.date(), load_rules().window_days)


async def rate_batches(upkeep: Upkeep, now: datetime) -> int:
    """Work off orders of many ratings, a while at most, so that a stop is not kept waiting."""
    done = 0
    while done < ROWS_A_ROUND and (rows := await work_batches(upkeep, now)):
        done += rows
    return done


async def tend(upkeep: Upkeep, now: datetime) -> int:
    """Take cases on where nobody has to decide: repairs, corrections, closing, alarms."""
    return sum((await tend_cases(_case_desk(upkeep), now)).values())


async def rate_for_cases(upkeep: Upkeep, now: datetime) -> int:
    """Rate firms again whose records were corrected or repaired.

    Without a model the duty stays open, and its alarm is raised in time.
    """
    with suppress(NoModelError):
        return await rate_again(upkeep, _case_desk(upkeep), now)
    return 0


async def push_notices(upkeep: Upkeep, now: datetime) -> int:
    """Send institutions what waits for them; time goes on meanwhile."""
    del now
    return await send_notices(upkeep.dispatcher)


async def drop_old_notices(upkeep: Upkeep, now: datetime) -> int:
    """Forget notices that were settled long ago; the record keeps that they left."""
    return await forget_notices(upkeep.database, now)


async def rate_triggered(upkeep: Upkeep, now: datetime) -> int:
    """Rate firms with running loans again upon what has happened to them, and count what came of it.

    Without a model nothing is noticed, and nothing is lost.
    """
    with suppress(NoModelError):
        desk = await upkeep.desks.fresh(now)
        await notice_triggers(upkeep, desk, now)
        told = await issue_due(upkeep, desk, now)
        for outcome, number in told.items():
            upkeep.meters.rated_again.labels(outcome).inc(number)
        return told["issued"]
    return 0


def _case_desk(upkeep: Upkeep) -> Desk:
    lake = Lake(upkeep.settings.home / "lake")
    return Desk(upkeep.database, lake, upkeep.vault, shared_catalogue())


async def tend_alerts(upkeep: Upkeep, now: datetime) -> int:
    """Repeat, end and watch over alerts where nobody has to decide."""
    return sum((await tending.tend_alerts(_alert_desk(upkeep), now)).values())


async def end_repaired_alerts(upkeep: Upkeep, now: datetime) -> int:
    """End alerts that rest on a record of which a repair was delivered."""
    lake = Lake(upkeep.settings.home / "lake")
    return await tending.end_repaired(_alert_desk(upkeep), lake, shared_catalogue(), now)


async def write_alert_outcomes(upkeep: Upkeep, now: datetime) -> int:
    """Keep what came of alerts where training finds it."""
    del now
    async with upkeep.database.transaction() as connection:
        found = await outcomes.read_outcomes(connection)
    target = upkeep.settings.home / outcomes.WHERE
    return await asyncio.to_thread(outcomes.write_outcomes, found, target)


def _alert_desk(upkeep: Upkeep) -> tending.Desk:
    return tending.Desk(upkeep.database, upkeep.subject_of)


async def tend_applications(upkeep: Upkeep, now: datetime) -> int:
    """End applications nobody answered, and remind lenders that are late with an answer or a revisit."""
    return await needs.tend_applications(needs.Desk(upkeep.database, upkeep.subject_of), now)


async def refit_chances(upkeep: Upkeep, now: datetime) -> int:
    """Learn from all answers how likely an application is granted."""
    return await needs.refit(upkeep.database, upkeep.settings.home, now)


async def work_out_peers(upkeep: Upkeep, now: datetime) -> int:
    """Work out what like firms saw when a scope was opened, once a day and for a new model."""
    with suppress(NoModelError):
        return await refresh_peers(upkeep.settings.home, await upkeep.desks.desk(now), now)
    return 0


#: Every job of the platform; a new one is a line here.
JOBS: tuple[Job, ...] = (
    Job("seal_record", 2.0, seal_record),
    Job("expire_consents", 60.0, expire_consents),
    Job("export_consents", 10.0, export_consents),
    Job("export_loans", 30.0, export_loans),
    Job("export_needs", 30.0, export_needs),
    Job("rate_batches", 1.0, rate_batches),
    Job("watch_access", 60.0, watch),
    Job("finish_exits", 10.0, finish_exits),
    Job("tend_cases", 30.0, tend),
    Job("renew_vectors", 30.0, renew_vectors),
    Job("rate_for_cases", 30.0, rate_for_cases),
    Job("push_notices", 0.2, push_notices),
    Job("rate_triggered", 5.0, rate_triggered),
    Job("watch_borrowers", 1.0, watch_borrowers),
    Job("watch_concentration", 3600.0, watch_concentration),
    Job("tend_alerts", 30.0, tend_alerts),
    Job("end_repaired_alerts", 60.0, end_repaired_alerts),
    Job("write_alert_outcomes", 3600.0, write_alert_outcomes),
    Job("tend_applications", 60.0, tend_applications),
    Job("refit_chances", 86_400.0, refit_chances),
    Job("work_out_peers", 600.0, work_out_peers),
    Job("drop_old_answers", 300.0, drop_old_answers),
    Job("drop_old_counts", 3600.0, drop_old_counts),
    Job("drop_dead_sessions", 3600.0, drop_dead_sessions),
    Job("drop_old_notices", 3600.0, drop_old_notices),
)


def _seal(settings: Settings, now: datetime) -> Sealing:
    custody = Custody(
        settings.home / "audit", settings.home / "vault" / "audit", settings.audit_mirror
    )
    with psycopg.connect(settings.sealer, autocommit=True) as connection:
        return seal(connection, custody, now)
