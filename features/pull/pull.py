"""Ask a provider about every firm that consented, and land what can be trusted with one commit."""

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from time import monotonic

from features.contracts import Catalogue
from features.errors import ProviderError, RequestError
from features.ingest import MAX_REJECTED_SHARE
from features.lake import Batch, Lake
from features.mapping import Mapping as ProviderMapping
from features.pull.answers import Asked, Row, read_records, shape_of, sound_rows
from features.pull.breaker import Breaker
from features.pull.client import CONSENT_ENDED, Client, RefusedError
from features.pull.consents import ConsentBook
from features.pull.spool import land_rows
from features.scope import Purpose
from features.vault import Vault

NO_CONSENT, BREAKER_OPEN = "no_consent", "breaker_open"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PullOrder:
    """What to ask for.

    Parameters
    ----------
    mapping : Mapping
        The provider's, of the endpoint's dataset.
    as_of_date : date
        Last day of the records asked for. Whether a firm may be asked about is decided by today,
        whatever this date is.
    grantee : str
        Whose consents count: a USCC, or `platform`.
    """

    mapping: ProviderMapping
    as_of_date: date
    purpose: Purpose
    grantee: str = "platform"
    max_rejected_share: float = MAX_REJECTED_SHARE


@dataclass(frozen=True)
class PullReport:
    """What a run came to.

    Attributes
    ----------
    asked, answered : int
        Firms a request was sent about, and those whose answer was used.
    records : int
        Records in the answers used.
    landed, rejected : int
        Rows new in the lake, and rows sent to quarantine.
    refused : dict of str to int
        Firms whose answer was not used, by reason.
    skipped : dict of str to int
        Firms that were not asked about (no consent, or the breaker was open) or whose consent ended
        while they were.
    openings : int
        How often the breaker opened.
    """

    dataset: str
    asked: int
    answered: int
    records: int
    landed: int
    rejected: int
    refused: Mapping[str, int]
    skipped: Mapping[str, int]
    openings: int
    batch: Batch | None = field(default=None, repr=False)

    @property
    def is_clean(self) -> bool:
        """Whether every firm with a consent was asked about and its answer used, row by row."""
        return not self.refused and not self.rejected and BREAKER_OPEN not in self.skipped


@dataclass(frozen=True)
class _Answer:
    """What became of one firm: rows under a consent, or why there are none."""

    uscc: str
    consent_id: str = ""
    rows: tuple[Row, ...] = ()
    refused: str | None = None
    skipped: str | None = None


def pull(
    order: PullOrder,
    client: Client,
    lake: Lake,
    vault: Vault,
    catalogue: Catalogue,
    *,
    clock: Callable[[], datetime],
    token: Callable[[], str],
    on_progress: Progress | None = None,
) -> PullReport:
    """Ask about every firm with a live consent and land the sound answers.

    Parameters
    ----------
    clock : callable
        Asia/Shanghai wall time; asked again before each request, because consents end.
    token : callable
        Request ids that nobody can guess, each another.

    Raises
    ------
    ProviderError, RequestError, MappingError
        If the order does not fit the endpoint.
    RejectedBatchError
        If most rows are bad; then nothing has landed.
    """
    run = _Run(order, client, lake, catalogue, clock)
    firms = run.book.firms()
    open_firms = [uscc for uscc in firms if run.book.consent_of(uscc) is not None]
    run.issued = {uscc: token() for uscc in open_firms}
    answers: list[_Answer] = []
    with ThreadPoolExecutor(client.endpoint.concurrency) as threads:
        for answer in threads.map(run.ask, open_firms):
            answers.append(answer)
            if on_progress is not None:
                on_progress(len(answers), len(open_firms))
    answers = [run.still_open(answer) for answer in answers]
    rows = [row for answer in answers for row in answer.rows]
    batch = _land(order, rows, lake, vault, clock()) if rows else None
    without = {NO_CONSENT: len(firms) - len(open_firms)}
    return _report(order, answers, batch, Counter(without), run.breaker.openings)


class _Run:
    """What the threads of one run share."""

    def __init__(
        self,
        order: PullOrder,
        client: Client,
        lake: Lake,
        catalogue: Catalogue,
        clock: Callable[[], datetime],
    ) -> None:
        _require_fit(order, client, clock().date())
        dataset = order.mapping.dataset
        self.order = order
        self.client = client
        self.clock = clock
        self.shape = shape_of(order.mapping)
        self.breaker = Breaker(client.endpoint.breaker, monotonic)
        self.issued: dict[str, str] = {}
        self.book = ConsentBook(
            lake, catalogue, dataset, grantee=order.grantee, purpose=order.purpose, clock=clock
        )

    def ask(self, uscc: str) -> _Answer:
        """One firm: nothing that goes wrong with it touches another."""
        consent_id = self.book.consent_of(uscc)
        if consent_id is None:
            return _Answer(uscc, skipped=CONSENT_ENDED)
        if not self.breaker.allows():
            return _Answer(uscc, skipped=BREAKER_OPEN)
        try:
            rows = self._rows(uscc, consent_id)
        except RefusedError as refusal:
            if refusal.reason == CONSENT_ENDED:
                return _Answer(uscc, skipped=CONSENT_ENDED)
            self.breaker.tell(is_up=not refusal.is_down)
            return _Answer(uscc, refused=refusal.reason)
        self.breaker.tell(is_up=True)
        return _Answer(uscc, consent_id, tuple(rows))

    def still_open(self, answer: _Answer) -> _Answer:
        """A consent that ended while the provider answered takes the answer with it."""
        if (
            answer.refused
            or answer.skipped
            or self.book.consent_of(answer.uscc) == answer.consent_id
        ):
            return answer
        return _Answer(answer.uscc, skipped=CONSENT_ENDED)

    def _rows(self, uscc: str, consent_id: str) -> list[Row]:
        endpoint = self.client.endpoint
        until = self.order.as_of_date
        since = until - timedelta(days=endpoint.period_days)
        asked = Asked(self.issued[uscc], uscc, since, until)
        content = self.client.ask(
            {
                "request_id": asked.request_id,
                "dataset": endpoint.dataset,
                "uscc": uscc,
                "consent_id": consent_id,
                "since": since.isoformat(),
                "until": until.isoformat(),
            },
            may_ask=lambda: self.book.consent_of(uscc) == consent_id,
        )
        issued = set(self.issued.values())
        records = read_records(content, asked, issued, endpoint.records_at, endpoint.answer.records)
        return sound_rows(records, self.shape, asked, consent_id, self.clock().date())


def _require_fit(order: PullOrder, client: Client, today: date) -> None:
    dataset = client.endpoint.dataset
    if order.mapping.dataset.name != dataset:
        raise ProviderError(
            en=f"The endpoint gives '{dataset}', but the mapping is for '{order.mapping.dataset.name}'.",
            zh=f"接口提供“{dataset}”，而映射属于“{order.mapping.dataset.name}”。",
        )
    if order.as_of_date > today:
        raise RequestError(
            en=f"The as-of date {order.as_of_date} lies in the future; today is {today}.",
            zh=f"截止日 {order.as_of_date} 在今天（{today}）之后。",
        )


def _land(
    order: PullOrder, rows: list[Row], lake: Lake, vault: Vault, now: datetime
) -> Batch | None:
    delivery = land_rows(
        rows,
        order.mapping,
        lake,
        vault,
        now=now,
        name=f"pull-{order.mapping.dataset.name}",
        max_rejected_share=order.max_rejected_share,
    )
    return delivery.batch if delivery.is_new else None


def _report(
    order: PullOrder,
    answers: list[_Answer],
    batch: Batch | None,
    skipped: Counter[str],
    openings: int,
) -> PullReport:
    skipped += Counter(answer.skipped for answer in answers if answer.skipped is not None)
    refused = Counter(answer.refused for answer in answers if answer.refused is not None)
    used = [answer for answer in answers if not answer.refused and not answer.skipped]
    return PullReport(
        dataset=order.mapping.dataset.name,
        asked=len(used) + refused.total(),
        answered=len(used),
        records=sum(len(answer.rows) for answer in used),
        landed=batch.landed if batch is not None else 0,
        rejected=batch.rejected if batch is not None else 0,
        refused=dict(sorted(refused.items())),
        skipped=dict(sorted(skipped.items())),
        openings=openings,
        batch=batch,
    )
