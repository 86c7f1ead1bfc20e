"""What matching found, for a person and for a machine."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile

from rich.table import Table

from features.errors import RequestError
from models.matching.batch import Counts
from models.matching.offering import Offering
from models.night.everyone import Swept
from xinqiao.console import out, say, show, word
from xinqiao.night import NightDesk

_COLUMNS: Mapping[str, tuple[str, str]] = {
    "fits": ("记录全部符合", "fits"),
    "sure": ("无需再问", "sure"),
    "undecided": ("数据不足", "undecided"),
    "near": ("仅差一项", "one short"),
}


def require_writable(folder: Path) -> None:
    """Make a folder for results; a long run had better not find out at its end.

    Raises
    ------
    RequestError
        If nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as failed:
        raise RequestError(
            en=f"Nothing can be written to the folder {folder}: {failed.strerror}. Choose another one.",
            zh=f"无法写入目录 {folder}：{failed.strerror}。请换一个目录。",
        ) from failed


def match_document(desk: NightDesk, swept: Swept) -> dict[str, object]:
    """Counts by product, and what came from the ledger."""
    return {
        "as_of": desk.day,
        "firms": swept.firms,
        "rated": swept.rated,
        "products": _counts(desk.offering, swept.counts),
        "ledger": ledger_document(desk),
    }


def ledger_document(desk: NightDesk) -> dict[str, object]:
    """How much of what is matched people have entered, beside the starter catalogue and the records."""
    products = desk.offering.shelf.products
    return {
        "is_read": desk.ledger.is_read,
        "products": sum(bool(entry.institution) for entry, _ in products),
        "tags_given": len(desk.ledger.claims.given),
        "tags_removed": len(desk.ledger.claims.removed),
    }


def print_ledger(desk: NightDesk) -> None:
    """The same for a person."""
    if not desk.ledger.is_read:
        show(
            "没有业务数据库：只匹配起始产品目录，不含机构发布的产品，也不计入认证、申报和移除的标签。",
            "No ledger here: the starter catalogue alone is matched, without institutions' own products, and "
            "without what was certified, declared or removed of tags.",
        )
        return
    products, given, removed = list(ledger_document(desk).values())[1:]
    show(
        f"业务数据库：机构产品 {products} 个，认证或申报的标签 {given} 个，移除的标签 {removed} 个",
        f"From the ledger: {products} institutions' products; tags: {given} certified or declared, {removed} removed",
    )


def print_matches(offering: Offering, swept: Swept) -> None:
    """A table of products, those for most firms first."""
    show(
        f"截至 {offering.shelf.as_of_date}：{swept.firms:,} 家企业（{swept.rated:,} 家有评级）× {len(offering.shelf)} 个产品",
        f"As of {offering.shelf.as_of_date}: {swept.firms:,} firms ({swept.rated:,} rated) × {len(offering.shelf)} products",
    )
    table = Table(title=say("企业数", "Firms by product"), title_justify="left")
    table.add_column("")
    for words in _COLUMNS.values():
        table.add_column(say(*words), justify="right")
    names = {entry.code: word(entry.name) for entry, _ in offering.shelf.products}
    found = _counts(offering, swept.counts)
    for code in sorted(found, key=lambda code: (-found[code]["fits"], code)):
        table.add_row(f"{code} {names[code]}", *(f"{found[code][name]:,}" for name in _COLUMNS))
    out.print(table)


def _counts(offering: Offering, counts: Counts | None) -> dict[str, dict[str, int]]:
    codes = [entry.code for entry, _ in offering.shelf.products]
    if counts is None:
        return {code: dict.fromkeys(_COLUMNS, 0) for code in codes}
    columns = {name: getattr(counts, name).tolist() for name in _COLUMNS}
    return {
        code: {name: columns[name][place] for name in _COLUMNS} for place, code in enumerate(codes)
    }
