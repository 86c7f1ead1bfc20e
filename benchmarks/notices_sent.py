"""An outbox emptied by the upkeep's dispatcher, and the bare client at the same receiver."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from benchmarks.load.cpu import tree_cpu_seconds
from benchmarks.our_notices import RECEIVER, Heard, House, heard_from, waiting
from features.clock import now_in_shanghai
from serving.auth.marks import new_id
from serving.webhooks.outbox import NOTICE_PREFIX, Notice, post
from serving.webhooks.sending import Parcel, Sender
from serving.webhooks.signing import Letter, signed_headers

KIND = "bench.said"
#: As long as an alert of one signal.
_BODY = {"note": "x" * 1_500}
_LOOK_S = 0.5
_STATE = "UPDATE webhook_endpoint SET state = %(state)s WHERE state <> 'removed'"
#: Streams of real exposures whose consent to be watched lives, so that it is really read.
_STREAMS = """
SELECT DISTINCT l.institution, l.uscc FROM loan l JOIN consent c ON c.uscc = l.uscc AND c.grantee = l.institution
WHERE l.status IN ('running', 'overdue') AND c.purpose = 'postloan' AND c.status = 'active'
  AND 'postloan' = ANY(c.scopes) AND c.valid_from <= %(today)s AND c.valid_to >= %(today)s
ORDER BY 2, 1
"""


@dataclass(frozen=True)
class Sent:
    """Notices at the receiver.

    Attributes
    ----------
    seconds : float
        From the first to the last.
    cpu : mapping of str to float
        CPU of each party [s].
    repeats : int
        Requests with an id that was heard before.
    """

    notices: int
    streams: int
    seconds: float
    cpu: dict[str, float]
    repeats: int

    @property
    def rate(self) -> float:
        """Notices a second."""
        return self.notices / self.seconds

    def cpu_ms(self, *names: str) -> float:
        """CPU of some parties a notice [ms]."""
        return 1e3 * sum(self.cpu[name] for name in names) / self.notices


def send_waiting(house: House, number: int) -> Sent:
    """Fill the outbox while the endpoints are disabled, enable them, and wait until it is empty."""
    streams = _streams(house)
    _set(house, "disabled")
    asyncio.run(_fill(house, streams, number))
    start = len(heard_from(0))
    used = _used(house)
    _set(house, "active")
    while waiting(house):
        time.sleep(_LOOK_S)
    spent = {name: seconds - used[name] for name, seconds in _used(house).items()}
    return _sent(heard_from(start), number, min(len(streams), number), spent)


def send_bare(house: House, number: int) -> Sent:
    """The same client with as many hands at the same receiver: signed parcels of the same size, and nothing else."""
    paths = sorted(house.secrets)
    parcels = [_parcel(house, paths[place % len(paths)], place) for place in range(number)]
    start = len(heard_from(0))
    receiver, client = tree_cpu_seconds(house.receiver), time.process_time()
    asyncio.run(_send_all(parcels))
    spent = {
        "client": time.process_time() - client,
        "receiver": tree_cpu_seconds(house.receiver) - receiver,
    }
    return _sent(heard_from(start), number, number, spent)


def _sent(heard: Sequence[Heard], number: int, streams: int, cpu: dict[str, float]) -> Sent:
    mine = [one for one in heard if one.kind == KIND]
    distinct = len({one.notice_id for one in mine})
    if distinct != number:
        raise RuntimeError(f"Of {number} notices {distinct} were heard.")
    moments = [one.at for one in mine]
    return Sent(number, streams, max(moments) - min(moments), cpu, len(mine) - number)


async def _send_all(parcels: Sequence[Parcel]) -> None:
    sender = Sender(may_loop_back=True)
    await asyncio.gather(*(sender(parcel) for parcel in parcels))
    sender.close()


def _parcel(house: House, path: str, number: int) -> Parcel:
    now, notice_id = now_in_shanghai(), new_id(NOTICE_PREFIX)
    text = Letter(notice_id, KIND, f"stream-{number}", 1, now, json.dumps(_BODY)).text
    headers = signed_headers(notice_id, text, [house.secrets[path]], now)
    return Parcel(RECEIVER + path, headers, text)


async def _fill(house: House, streams: Sequence[tuple[str, str]], number: int) -> None:
    async with (
        await psycopg.AsyncConnection.connect(house.owner, autocommit=True) as connection,
        connection.transaction(),
    ):
        for place in range(number):
            lender, uscc = streams[place % len(streams)]
            needs = frozenset({"postloan"})
            notice = Notice(lender, KIND, uscc, f"thing-{place}", uscc, needs, _BODY)
            await post(connection, notice, house.now)


def _streams(house: House) -> list[tuple[str, str]]:
    with psycopg.connect(house.owner) as connection:
        found = connection.execute(_STREAMS, {"today": house.now.date()}).fetchall()
    return [(str(lender), str(uscc)) for lender, uscc in found]


def _set(house: House, state: str) -> None:
    with psycopg.connect(house.owner) as connection:
        connection.execute(_STATE, {"state": state})


def _used(house: House) -> dict[str, float]:
    parties = {
        "service": house.service,
        "PostgreSQL": house.database,
        "receiver": house.receiver,
    }
    return {name: tree_cpu_seconds(process) for name, process in parties.items()}
