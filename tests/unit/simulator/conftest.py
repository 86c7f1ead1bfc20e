"""One town for all tests of its contents; it is built once."""

import pytest

from features.engine import connect
from simulator.city import CityPlan, build_city
from simulator.report import open_views
from tests.unit.simulator.towns import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    folder = tmp_path_factory.mktemp("town") / "city"
    city = build_city(CityPlan(3_000, 78, 11), folder)
    connection = connect()
    open_views(connection, folder, city.rows)
    for truth in ("firms", "defaults", "traps"):
        connection.execute(
            f"CREATE VIEW truth_{truth} AS SELECT * FROM read_parquet('{folder}/truth/{truth}/*.parquet')"
        )
    return Town(folder, city, connection)
