"""Beijing's published events, as they are: how many find their enterprise, and how.

There is no peer: the figures say what the data lack, and that nothing is lost without a reason.
"""

from collections.abc import Iterator

from benchmarks.results import Entry, compared
from benchmarks.setting import ROOT, Setting
from features.contracts import load_catalogue
from features.delivery import plan_delivery
from features.engine import connect, readable
from features.ingest import MAX_REJECTED_SHARE, ingest_files
from features.lake import Batch, Lake
from features.linking import normalise_name
from features.vault import Vault

AREA = "beijing"
DELIVERY = ROOT / "features" / "mappings" / "beijing" / "delivery.yaml"
UNKNOWN, AMBIGUOUS, OTHER = "uscc:name_unknown", "uscc:name_ambiguous", "uscc:not_an_enterprise"


def compare(setting: Setting) -> Iterator[Entry]:
    """Land register and events in an empty lake and count what became of every delivered event."""
    batches = land(setting)
    register, events = batches["reg_basic"], batches["public_event"]
    # The register takes every row with a code of an enterprise; what fails the check there is looked
    # up by name among the events.
    by_code = register.delivered - register.reasons.get("uscc:invalid_uscc", 0)
    by_name = events.delivered - events.rejected - by_code
    shares = (
        ("Events linked by code", by_code, "code of an enterprise that passes its check"),
        ("Events linked by name", by_name, "no such code, and one firm goes by the name"),
        ("Events of an unknown name", events.reasons.get(UNKNOWN, 0), "in quarantine"),
        ("Events of an ambiguous name", events.reasons.get(AMBIGUOUS, 0), "in quarantine"),
        (
            "Events under another body's code, name unknown",
            events.reasons.get(OTHER, 0),
            "in quarantine: authorities (11), institutions (12), associations and others",
        ),
    )
    for name, count, note in shares:
        share = 100 * count / events.delivered
        yield figure(setting, name, share, "%", f"{count:,} of {events.delivered:,} events; {note}")
    authority = count_authority_codes(setting)
    note = (
        f"{authority:,} events; mostly the publisher's own code beside a firm's name, so not used"
    )
    share = 100 * authority / events.delivered
    yield figure(setting, "Events under an authority's code (11)", share, "%", note)
    repeats = 100 * events.duplicates / (events.delivered - events.rejected)
    note = f"{events.duplicates:,} of {events.delivered - events.rejected:,} linked events cannot be told from another one"
    yield figure(setting, "Repeats among the linked events", repeats, "%", note)
    yield figure(setting, "Firms in the register made from the events", register.landed, "", "")
    names, unknown, ambiguous = count_names(setting, events)
    note = "without width, brackets, spaces and case"
    yield figure(setting, "Names in the events", names, "", note)
    yield figure(setting, "Names that find no firm", unknown, "", f"of {names:,} names")
    yield figure(setting, "Names that find several firms", ambiguous, "", f"of {names:,} names")


def land(setting: Setting) -> dict[str, Batch]:
    """The batches of the delivery, by dataset."""
    plan = plan_delivery(setting.data / "beijing", load_catalogue(), DELIVERY)
    batches: dict[str, Batch] = {}
    for part in plan.parts:
        limit = MAX_REJECTED_SHARE if part.max_rejected is None else part.max_rejected
        deliveries = ingest_files(
            part.files,
            part.mapping,
            Lake(setting.work / "lake"),
            Vault(setting.work / "vault"),
            now=setting.now,
            max_rejected_share=limit,
        )
        batches[part.mapping.dataset.name] = deliveries[0].batch
    return batches


def count_authority_codes(setting: Setting) -> int:
    """Events whose code is that of a government body."""
    raw = readable(setting.data / "beijing" / "events.parquet")
    query = f"SELECT count(*) FILTER (starts_with(uscc, '11')) FROM read_parquet({raw})"
    with connect() as connection:
        return int(connection.execute(query).fetchall()[0][0])


def count_names(setting: Setting, events: Batch) -> tuple[int, int, int]:
    """Distinct names in the file, and of them those rejected as unknown and as ambiguous."""
    raw = readable(setting.data / "beijing" / "events.parquet")
    rejected = readable(setting.work / "lake" / (events.quarantine or ""))
    unknown = f"list_has_any(reasons, ['{UNKNOWN}', '{OTHER}'])"
    queries = (
        f"SELECT DISTINCT entity_name FROM read_parquet({raw})",
        *(
            "SELECT DISTINCT json_extract_string(delivered, '$.entity_name') "
            f"FROM read_parquet({rejected}) WHERE {condition}"
            for condition in (unknown, f"list_contains(reasons, '{AMBIGUOUS}')")
        ),
    )
    with connect() as connection:
        found = [connection.execute(query).fetchall() for query in queries]
    names, unknown_names, ambiguous = (
        len({normalise_name(str(row[0])) for row in rows}) for rows in found
    )
    return names, unknown_names, ambiguous


def figure(setting: Setting, name: str, value: float, unit: str, note: str) -> Entry:
    """A figure nobody else offers one beside."""
    return compared(
        AREA, name, ours=value, peer=None, better="neither", unit=unit, now=setting.now, note=note
    )
