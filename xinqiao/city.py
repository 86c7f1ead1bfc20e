"""The demo's synthetic city: made once in the home folder, then landed like any delivery."""

import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from features.errors import RequestError
from simulator.city import CityPlan, build_city
from xinqiao.console import progress, show
from xinqiao.folder import land_folder
from xinqiao.settings import Settings

#: Firms, months and seed of the demo's city; more firms take longer and say more.
FIRMS, MONTHS, SEED = 6_000, 78, 7


@dataclass(frozen=True)
class Delivered:
    """A city on disk.

    Attributes
    ----------
    last_day : date
        Nothing is delivered after it.
    """

    folder: Path
    enterprises: int
    last_day: date


def prepare_city(settings: Settings, enterprises: int) -> Delivered:
    """Make the city unless it is there; one that was not finished is made again.

    Raises
    ------
    RequestError
        If the home folder holds a city of another size.
    """
    folder = settings.home / "city"
    if not folder.exists():
        draft = settings.home / ".city.draft"
        shutil.rmtree(draft, ignore_errors=True)
        with progress("生成城市", "Building the city") as advance:
            build_city(CityPlan(enterprises, MONTHS, SEED), draft, on_progress=advance)
        draft.rename(folder)
    told = json.loads((folder / "city.json").read_text(encoding="utf-8"))
    city = Delivered(folder, int(told["enterprises"]), date.fromisoformat(told["last_day"]))
    if city.enterprises != enterprises:
        raise RequestError(
            en=f"{folder} holds a city of {city.enterprises} firms, not of {enterprises}. Set XINQIAO_HOME to "
            f"another folder, or say --enterprises {city.enterprises}.",
            zh=f"{folder} 中已有 {city.enterprises} 家企业的城市，而不是 {enterprises} 家；请将 XINQIAO_HOME "
            f"设为其他目录，或使用 --enterprises {city.enterprises}。",
        )
    rows = sum(told["rows"].values())
    show(
        f"{enterprises:,} 家企业，{rows:,} 行，截至 {city.last_day} → {folder}",
        f"{enterprises:,} firms, {rows:,} rows until {city.last_day} → {folder}",
    )
    return city


def land_city(settings: Settings, city: Delivered) -> None:
    """Ingest the city's folder; what has landed before is skipped."""
    land_folder(settings, city.folder, None, is_strict=False, retry_rejected=False, as_json=False)
