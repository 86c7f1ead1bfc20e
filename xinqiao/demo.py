"""`xinqiao demo`: the whole road on one data set, from files to rating cards."""

import os
from datetime import date, timedelta
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer

from features.clock import now_in_shanghai
from models.rating import BASE_12M, INVOICE_RATING
from xinqiao.city import FIRMS, land_city, prepare_city
from xinqiao.console import show
from xinqiao.features import refresh_online
from xinqiao.rate import Look, print_card, rate_all
from xinqiao.registry import promote_bundle
from xinqiao.settings import Settings, load_settings
from xinqiao.tours import land_tour, require_files, tour_of
from xinqiao.train import print_base, print_validation, train, train_base

HELP = """全程演示：入库、特征、建模、评级；默认为合成城市。 The whole road: ingest, features, training, ratings.

例 Example: xinqiao demo    xinqiao demo --data cumcm2020c
"""

CITY = "city"


def demo(
    data: Annotated[str, typer.Option(help="数据集 · data set: city, cumcm2020c")] = CITY,
    enterprises: Annotated[
        int, typer.Option(help="合成城市的企业数 · firms of the synthetic city")
    ] = FIRMS,
    serve: Annotated[  # noqa: FBT002 - a switch of the command line
        bool,
        typer.Option(
            "--serve/--no-serve", help="最后启动服务 · end with the service up (city only)"
        ),
    ] = True,
    port: Annotated[int, typer.Option(min=0, max=65535, help="端口 · port")] = 8000,
) -> None:
    """See `HELP`."""
    settings = load_settings()
    if data == CITY:
        rated, today = _city(settings, enterprises)
        if serve:
            _serve(settings, rated, today, port)
    else:
        _tour(settings, data)


def _city(settings: Settings, enterprises: int) -> tuple[list[str], date]:
    """A made-up city: the 12-month rating, judged on a later year; firms by score, and its last day."""
    show("一、合成城市与入库", "1. A synthetic city, and its ingest")
    city = prepare_city(settings, enterprises)
    land_city(settings, city)
    show("二、建模与验证", "2. Train and validate")
    trained = train_base(settings, city.last_day)
    _let_serve(settings, trained.bundle.id)
    rated = _rate_and_show(settings, Look(city.last_day, model=BASE_12M))
    show("五、模型验证", "5. Validation")
    print_base(trained)
    return rated, city.last_day


def _serve(settings: Settings, rated: list[str], today: date, port: int) -> None:
    """Accounts that are ready, and the service, whose today is the city's last day."""
    from xinqiao.demo_accounts import make_accounts, show_accounts  # noqa: PLC0415 - takes half a second to load
    from xinqiao.serve import Manner, run_service  # noqa: PLC0415 - see above

    show("六、服务", "6. The service")
    manner = Manner(port=port, workers=os.cpu_count() or 1, today=today)
    now = now_in_shanghai() + timedelta(days=manner.clock_days)
    show_accounts(make_accounts(settings, rated, now), f"http://{manner.host}:{port}")
    show(
        f"服务的时钟停在数据的最后一天：{today}",
        f"The service's today is the last day of the data, {today}",
    )
    run_service(manner)


def _tour(settings: Settings, data: str) -> None:
    """A public data set: the rating of an undated label, judged by folds."""
    tour = tour_of(data)
    require_files(settings.data / data, tour)
    show("一、入库", "1. Ingest")
    land_tour(settings, data)
    show("二、建模与验证", "2. Train and validate")
    trained = train(settings, tour.as_of_date)
    _let_serve(settings, trained.bundle.id)
    _rate_and_show(settings, Look(tour.as_of_date, model=INVOICE_RATING.name))
    show("五、模型验证", "5. Validation")
    print_validation(trained)


def _let_serve(settings: Settings, bundle_id: str) -> None:
    """Show the gate; a demonstration goes on whatever it says of figures, and the record tells so."""
    promote_bundle(
        settings,
        bundle_id,
        by="demo-trainer",
        reviewer="demo-reviewer",
        reason="demo",
        despite="demo: nobody is rated in earnest",
    )


def _rate_and_show(settings: Settings, look: Look) -> list[str]:
    """Rate every firm, then print the cards of the safest and of the riskiest; USCCs by score."""
    show("三、全部企业评级", "3. Rate every firm")
    if look.as_of_date is not None:
        refresh_online(settings, look.as_of_date)
    path = settings.home / "ratings.parquet"
    table = rate_all(settings, look, path)
    rated: pa.Table = table.filter(pc.field("score").is_valid())
    show(
        f"{rated.num_rows} 家企业评级 → {path}",
        f"{rated.num_rows} firms rated → {path}",
    )
    show("四、两张评级卡", "4. Two rating cards")
    scores = rated["score"].to_numpy()
    ids = rated["source_id"].to_pylist()
    for row in (int(np.argmax(scores)), int(np.argmin(scores))):
        print_card(settings, ids[row], look)
    words = f"bin/xinqiao rate {ids[0].rpartition(':')[2]} --as-of {look.as_of_date} --model {look.model}"
    show(
        f"下一步：{words} · {words} --lang en · bin/xinqiao lake log",
        f"Next: {words} · {words} --lang zh · bin/xinqiao lake log",
    )
    usccs: list[str] = rated.sort_by("score")["uscc"].to_pylist()
    return usccs
