"""`xinqiao rate`: a rating card for one firm, or every rating as a file."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.errors import NoRecordError, RequestError, UnknownEnterpriseError
from features.lake import Enterprise, Lake
from features.pipeline import build_features
from features.registry import Registry
from features.snapshot import Snapshot, open_snapshot
from models.bundle import Bundle, load_bundle
from models.card import Subject, card_facts, render_card
from models.record import has_any_record, rating_table
from models.scorer import Scorer
from training.registry import named_bundle
from xinqiao.console import LANGUAGE, Json, Lang, out, show, show_json, use_language
from xinqiao.features import self_scope, write_parquet
from xinqiao.settings import Settings, load_settings

HELP = """为企业评级：打印评级卡，或输出全部企业。 Rate: a card for one firm, or every firm as a file.

例 Example: xinqiao rate E1 --lang en    xinqiao rate --all --out ratings.parquet
"""


def rate(
    enterprise: Annotated[
        str | None, typer.Argument(help="统一社会信用代码或来源编号 · USCC or the provider's id")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of", formats=["%Y-%m-%d"], help="截止日；默认见模型 · default: see the model"
        ),
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="输出 Parquet · file to write")
    ] = None,
    *,
    rate_everyone: Annotated[bool, typer.Option("--all", help="全部企业 · every firm")] = False,
    lang: Lang = "",
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    use_language(lang)
    settings = load_settings()
    as_of_date = as_of.date() if as_of is not None else None
    if rate_everyone and out_file is not None and enterprise is None:
        table = rate_all(settings, as_of_date, out_file)
        unrated = table["score"].null_count
        rated = table.num_rows - unrated
        show(
            f"{table.num_rows} 家企业，{rated} 家已评级，{unrated} 家无记录未评级 → {out_file}",
            f"{table.num_rows} firms, {rated} rated, {unrated} without a record → {out_file}",
        )
    elif enterprise is None or rate_everyone or out_file is not None:
        raise RequestError(
            en="Say either one enterprise (`rate E1`) or `rate --all --out FILE`.",
            zh="请指定一家企业（`rate E1`），或使用 `rate --all --out 文件`。",
        )
    elif as_json:
        show_json(rate_one(settings, enterprise, as_of_date).to_pylist()[0])
    else:
        print_card(settings, enterprise, as_of_date)


@dataclass(frozen=True)
class _Desk:
    """What every rating needs: a model, its features and the date they are cut at."""

    settings: Settings
    bundle: Bundle
    registry: Registry
    as_of_date: date

    def snapshot(self, enterprises: list[int] | None = None) -> Snapshot:
        """The lake under scope kind `self`."""
        now = now_in_shanghai()
        return open_snapshot(
            Lake(self.settings.lake).view(),
            load_catalogue(),
            self.as_of_date,
            self_scope(now.date()),
            now=now,
            enterprises=enterprises,
        )


def rate_all(settings: Settings, as_of_date: date | None, out_file: Path) -> pa.Table:
    """Rate every registered firm and write the table."""
    desk = _open_desk(settings, as_of_date)
    with desk.snapshot() as snapshot:
        table = _rated(desk, snapshot)
    write_parquet(table, out_file)
    return table


def rate_one(settings: Settings, name: str, as_of_date: date | None) -> pa.Table:
    """Rate one firm, as a table of one row."""
    firm = Lake(settings.lake).view().find_enterprise(name)
    desk = _open_desk(settings, as_of_date)
    with desk.snapshot([firm.key]) as snapshot:
        _require_registered(snapshot, name)
        return _rated(desk, snapshot)


def print_card(settings: Settings, name: str, as_of_date: date | None) -> None:
    """Rate one firm and print its card."""
    firm = Lake(settings.lake).view().find_enterprise(name)
    desk = _open_desk(settings, as_of_date)
    with desk.snapshot([firm.key]) as snapshot:
        _require_registered(snapshot, name)
        matrix = build_features(snapshot, desk.registry).matrix()
        if not has_any_record(matrix).all():
            raise NoRecordError(
                en=f"Nothing is on record about '{name}' by {desk.as_of_date} that the model could read, "
                "so it is not rated. Ask for data, or rate at another date.",
                zh=f"截至 {desk.as_of_date}，没有关于“{name}”的可用记录，不予评级；请补充数据或更换截止日。",
            )
        ratings = Scorer(desk.bundle).rate(matrix)
        facts = card_facts(_subject(snapshot, firm), desk.bundle, ratings, matrix[0])
    out.print(render_card(facts, LANGUAGE.get()), markup=False, end="")


def _open_desk(settings: Settings, as_of_date: date | None) -> _Desk:
    bundle = load_bundle(named_bundle(settings.bundles), REGISTRY)
    today = now_in_shanghai().date()
    if as_of_date is None:
        # A model of an undated label speaks for the date it was trained at, any other for today.
        is_undated = bundle.manifest.probability_kind == "default_probability"
        as_of_date = bundle.manifest.as_of_date if is_undated else today
    if as_of_date > today:
        raise RequestError(
            en=f"The as-of date {as_of_date} lies in the future; today is {today}.",
            zh=f"截止日 {as_of_date} 在今天（{today}）之后。",
        )
    registry = REGISTRY.select(feature.name for feature in bundle.manifest.features)
    return _Desk(settings, bundle, registry, as_of_date)


def _rated(desk: _Desk, snapshot: Snapshot) -> pa.Table:
    features = build_features(snapshot, desk.registry)
    origins = dict(snapshot.connection.execute("SELECT uscc, origin FROM enterprise").fetchall())
    return rating_table(
        desk.bundle,
        features.matrix(),
        usccs=features.usccs,
        source_ids=[origins[uscc] or uscc for uscc in features.usccs],
        as_of_date=desk.as_of_date,
        scope="self",
    )


def _require_registered(snapshot: Snapshot, name: str) -> None:
    if not snapshot.connection.execute("SELECT 1 FROM enterprise").fetchall():
        raise UnknownEnterpriseError(
            en=f"'{name}' was on no register by {snapshot.as_of_date}. Deliver its registration (reg_basic) "
            "or rate at a later date.",
            zh=f"截至 {snapshot.as_of_date}，登记信息中没有“{name}”；请提供登记数据或选择更晚的截止日。",
        )


def _subject(snapshot: Snapshot, firm: Enterprise) -> Subject:
    name = snapshot.connection.execute("SELECT any_value(name) FROM visible_reg_basic").fetchall()
    first, last, known = snapshot.connection.execute(
        "SELECT min(issued_on), max(issued_on), max(available_at) FROM visible_invoice_line"
    ).fetchall()[0]
    return Subject(
        enterprise_name=str(name[0][0]),
        uscc=firm.uscc,
        as_of_date=snapshot.as_of_date,
        first_invoice_on=first,
        last_invoice_on=last,
        available_until=known,
    )
