"""`xinqiao rate`: a rating card for one firm, or every rating as a file."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import typer

from features.clock import now_in_shanghai
from features.contracts import load_catalogue
from features.definitions import REGISTRY
from features.errors import NoRecordError, OnlineError, RequestError, UnknownEnterpriseError
from features.firm_segments import SEGMENT_DATASETS, add_segments, segment_of
from features.lake import Enterprise, Lake, LakeView
from features.online import OnlineVectors, open_online
from features.pipeline import build_features
from features.registry import Registry
from features.rules.vocabulary import Vocabulary
from features.snapshot import Snapshot, open_snapshot
from models.aliases import CHAMPION, named_bundle
from models.arrays import FloatArray
from models.bundle import Bundle, load_bundle
from models.card import Subject, card_facts, render_card
from models.knockouts import KnockoutAnswers, Knockouts
from models.portrait import Kinds
from models.record import has_any_record, rating_table
from models.scorer import Scorer
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
    withhold: Annotated[
        list[str] | None,
        typer.Option("--withhold", help="不使用的数据集 · a dataset to leave closed (repeatable)"),
    ] = None,
    model: Annotated[
        str,
        typer.Option(help="模型或别名 · model or alias: champion, base_12m, base_12m@candidate"),
    ] = CHAMPION,
    *,
    rate_everyone: Annotated[bool, typer.Option("--all", help="全部企业 · every firm")] = False,
    lang: Lang = "",
    as_json: Json = False,
) -> None:
    """See `HELP`."""
    use_language(lang)
    settings = load_settings()
    look = Look(as_of.date() if as_of is not None else None, frozenset(withhold or ()), model)
    if rate_everyone and out_file is not None and enterprise is None:
        table = rate_all(settings, look, out_file)
        _show_counts(table, out_file)
    elif enterprise is None or rate_everyone or out_file is not None:
        raise RequestError(
            en="Say either one enterprise (`rate E1`) or `rate --all --out FILE`.",
            zh="请指定一家企业（`rate E1`），或使用 `rate --all --out 文件`。",
        )
    elif as_json:
        show_json(rate_one(settings, enterprise, look))
    else:
        print_card(settings, enterprise, look)


def _show_counts(table: pa.Table, out_file: Path) -> None:
    """How many are rated, and how often a knock-out overrides the model."""
    unrated = table["score"].null_count
    rated = table.num_rows - unrated
    pairs = zip(table["grade"].to_pylist(), table["model_grade"].to_pylist(), strict=True)
    overridden = sum(grade != model_grade for grade, model_grade in pairs)
    share = f"{100 * overridden / max(rated, 1):.2f} %"
    show(
        f"{table.num_rows} 家企业，{rated} 家已评级，{unrated} 家无记录未评级；"
        f"{overridden} 家因否决项下调等级（{share}） → {out_file}",
        f"{table.num_rows} firms, {rated} rated, {unrated} without a record; "
        f"knock-outs lowered the grade of {overridden} ({share}) → {out_file}",
    )
    held = Counter(code for codes in table["capped_by"].to_pylist() for code in codes)
    if held:
        listed = ", ".join(f"{code} {count}" for code, count in held.most_common())
        show(f"成立的否决项：{listed}", f"Knock-outs that hold: {listed}")


@dataclass(frozen=True)
class Look:
    """What a rating is asked for: a date (None leaves it to the model), what stays closed, and by whom."""

    as_of_date: date | None = None
    withheld: frozenset[str] = frozenset()
    model: str = CHAMPION


@dataclass(frozen=True)
class _Desk:
    """What every rating needs: the lake, a model, its features, knock-outs, a date and a scope."""

    settings: Settings
    lake: LakeView
    bundle: Bundle
    knockouts: Knockouts
    registry: Registry
    as_of_date: date
    withheld: frozenset[str]

    @property
    def width(self) -> int:
        """Features of the model; `registry` holds them first, then what knock-outs ask for."""
        return len(self.bundle.manifest.features)

    def model_matrix(self, matrix: FloatArray) -> FloatArray:
        """The model's columns of a matrix."""
        return np.ascontiguousarray(matrix[:, : self.width])

    def answers(self, matrix: FloatArray) -> KnockoutAnswers:
        """What the knock-outs say of the firms of a matrix."""
        columns = dict(zip(self.registry.names, matrix.T, strict=True))
        return self.knockouts.check(columns, len(matrix), self.withheld)

    def snapshot(
        self, enterprises: list[int] | None = None, datasets: frozenset[str] | None = None
    ) -> Snapshot:
        """The lake, or some datasets of it, under scope kind `self`, less what is withheld."""
        now = now_in_shanghai()
        return open_snapshot(
            self.lake,
            load_catalogue(),
            self.as_of_date,
            self_scope(now.date()).without(*self.withheld),
            now=now,
            enterprises=enterprises,
            datasets=datasets,
        )

    def kinds(self, usccs: list[str], enterprises: list[int] | None = None) -> Kinds:
        """Size and industry of firms, as far as the scope shows them."""
        with self.snapshot(enterprises, SEGMENT_DATASETS) as snapshot:
            firms = snapshot.connection.sql("SELECT uscc FROM enterprise ORDER BY enterprise_key")
            table = add_segments(firms.to_arrow_table(), snapshot)
        place = {uscc: row for row, uscc in enumerate(table["uscc"].to_pylist())}
        rows = [place[uscc] for uscc in usccs]
        sizes, sections = (
            np.array(segment_of(table, name), dtype=np.str_)[rows]
            for name in ("size_class", "industry_section")
        )
        return Kinds(sizes, sections)

    def online(self) -> OnlineVectors | None:
        """The latest vectors, if they speak for this date and this state of the lake."""
        try:
            found = open_online(self.settings.online)
        except OnlineError:
            return None
        is_fresh = found.is_fresh(self.registry, self.as_of_date, self.lake.version)
        return found if is_fresh else None


def rate_all(settings: Settings, look: Look, out_file: Path) -> pa.Table:
    """Rate every registered firm and write the table."""
    desk = _open_desk(settings, look)
    online = desk.online()
    if online is not None:
        usccs = [code.decode() for code in online.usccs.tolist()]
        matrix = online.matrix(desk.registry.names)
    else:
        with desk.snapshot() as snapshot:
            table = build_features(snapshot, desk.registry)
        usccs, matrix = table.usccs, table.matrix()
    ratings = _rated(desk, usccs, matrix, desk.kinds(usccs))
    write_parquet(ratings, out_file)
    return ratings


def rate_one(settings: Settings, name: str, look: Look) -> dict[str, object]:
    """Rate one firm, as a row."""
    desk = _open_desk(settings, look)
    firm = desk.lake.find_enterprise(name)
    kinds = desk.kinds([firm.uscc], [firm.key])
    found: dict[str, object] = _rated(
        desk, [firm.uscc], _vector(desk, firm, name), kinds
    ).to_pylist()[0]
    return found


def print_card(settings: Settings, name: str, look: Look) -> None:
    """Rate one firm and print its card."""
    desk = _open_desk(settings, look)
    firm = desk.lake.find_enterprise(name)
    found = _vector(desk, firm, name)
    matrix = desk.model_matrix(found)
    scorer = Scorer(desk.bundle)
    if (
        not scorer.hidden_columns(desk.withheld).all()
        and not has_any_record(desk.bundle.manifest.features, matrix).all()
    ):
        raise NoRecordError(
            en=f"Nothing is on record about '{name}' by {desk.as_of_date} that the model could read, "
            "so it is not rated. Ask for data, or rate at another date.",
            zh=f"截至 {desk.as_of_date}，没有关于“{name}”的可用记录，不予评级；请补充数据或更换截止日。",
        )
    ratings = scorer.rate(matrix, desk.withheld)
    with desk.snapshot([firm.key]) as snapshot:
        subject = _subject(snapshot, firm, desk.registry)
    facts = card_facts(
        subject,
        desk.bundle,
        ratings,
        matrix[0],
        withheld=desk.withheld,
        knockouts=desk.answers(found),
        kinds=desk.kinds([firm.uscc], [firm.key]),
    )
    out.print(render_card(facts, LANGUAGE.get()), markup=False, end="")


def _open_desk(settings: Settings, look: Look) -> _Desk:
    catalogue = load_catalogue()
    withheld = frozenset(catalogue[name].name for name in look.withheld)
    bundle = load_bundle(named_bundle(settings.bundles, look.model), REGISTRY, settings.tables)
    if bundle.manifest.probability_kind == "event_6m":
        raise RequestError(
            en=f"Model '{look.model}' foresees trouble of live borrowers; it gives no rating. Rate with another "
            "model, or leave --model out.",
            zh=f"模型“{look.model}”用于在贷企业的贷后预警，不给出评级；请改用其他模型或省略 --model。",
        )
    today = now_in_shanghai().date()
    # A model of an undated label speaks for the date it was trained at, any other for today.
    is_undated = bundle.manifest.probability_kind == "default_probability"
    as_of_date = look.as_of_date or (bundle.manifest.as_of_date if is_undated else today)
    if as_of_date > today:
        raise RequestError(
            en=f"The as-of date {as_of_date} lies in the future; today is {today}.",
            zh=f"截止日 {as_of_date} 在今天（{today}）之后。",
        )
    knockouts = bundle.knockouts.at(as_of_date, Vocabulary.of(REGISTRY))
    names = (feature.name for feature in bundle.manifest.features)
    registry = REGISTRY.select(dict.fromkeys((*names, *knockouts.names)))
    lake = Lake(settings.lake).view()
    return _Desk(settings, lake, bundle, knockouts, registry, as_of_date, withheld)


def _vector(desk: _Desk, firm: Enterprise, name: str) -> FloatArray:
    """Features of one firm, shape (1, k): the latest ones where they are fresh, else computed."""
    online = desk.online()
    if online is not None and online.find(firm.uscc) is not None:
        found = online.vector(firm.uscc, desk.withheld)
        return found[online.columns(desk.registry.names)][None, :]
    with desk.snapshot([firm.key]) as snapshot:
        table = build_features(snapshot, desk.registry)
    if not table.usccs:
        raise UnknownEnterpriseError(
            en=f"'{name}' was on no register by {desk.as_of_date}. Deliver its registration (reg_basic) "
            "or rate at a later date.",
            zh=f"截至 {desk.as_of_date}，登记信息中没有“{name}”；请提供登记数据或选择更晚的截止日。",
        )
    return table.matrix()


def _rated(desk: _Desk, usccs: list[str], matrix: FloatArray, kinds: Kinds) -> pa.Table:
    origins = desk.lake.origins()
    return rating_table(
        desk.bundle,
        desk.model_matrix(matrix),
        usccs=usccs,
        source_ids=[origins.get(uscc, uscc) for uscc in usccs],
        as_of_date=desk.as_of_date,
        scope="self",
        withheld=desk.withheld,
        knockouts=desk.answers(matrix),
        kinds=kinds,
    )


def _subject(snapshot: Snapshot, firm: Enterprise, registry: Registry) -> Subject:
    """Who is rated, and how fresh what the model reads about it is."""
    ask = snapshot.connection.execute
    name = ask("SELECT any_value(name) FROM visible_reg_basic").fetchall()
    first, last = ask("SELECT min(issued_on), max(issued_on) FROM visible_invoice_line").fetchall()[
        0
    ]
    read = sorted({dataset for feature in registry for dataset in feature.datasets})
    newest = " UNION ALL ".join(f"SELECT max(available_at) AS known FROM visible_{n}" for n in read)
    known = ask(f"SELECT max(known) FROM ({newest})").fetchall()[0][0]
    return Subject(
        enterprise_name=str(name[0][0]),
        uscc=firm.uscc,
        as_of_date=snapshot.as_of_date,
        first_invoice_on=first,
        last_invoice_on=last,
        available_until=known,
    )
