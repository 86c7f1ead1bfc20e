"""Our service for a measurement: a small city with its model and consents, a bank's program, workers up."""

import base64
import json
import os
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from subprocess import run
from urllib.request import Request as Asked
from urllib.request import urlopen

import psycopg
import pyarrow.parquet as pq

from benchmarks.load.cpu import parent_of
from benchmarks.load.plan import Answer, Request
from benchmarks.load.processes import await_up, end_service, start_service
from benchmarks.load.run import Target
from benchmarks.setting import ROOT, Setting
from features.clock import now_in_shanghai
from serving.database.embedded import embedded
from xinqiao.demo_accounts import Accounts, make_accounts
from xinqiao.serve import Manner
from xinqiao.settings import Settings, load_settings

FIRMS = 3000
PORT, WORKERS = 18433, 2
#: A token lives for ten minutes; a plan that goes on longer takes a new one in time [s].
_TOKEN_S = 240.0
#: Rates of callers are not what is measured.
_UNBOUND = "UPDATE client SET rate_per_second = 1e6, burst = 1000000 WHERE client_id = %(client)s"
_OPENED = """
SELECT DISTINCT uscc FROM consent WHERE grantee = %(bank)s AND purpose = 'postloan' AND status = 'active'
  AND valid_from <= %(today)s AND valid_to >= %(today)s ORDER BY uscc
"""


def make_home(work: Path, firms: int = FIRMS) -> tuple[Settings, date]:
    """A city, landed, a model trained on it and serving; its settings and last day."""
    home = work / "home"
    variables = {"XINQIAO_HOME": str(home), "XINQIAO_MLRUNS": str(work / "mlruns")}
    command = [sys.executable, "-m", "xinqiao", "demo", "--enterprises", str(firms), "--no-serve"]
    with (work / "demo.log").open("wb") as log:
        run(command, cwd=ROOT, env=os.environ | variables, stdout=log, stderr=log, check=True)
    told = json.loads((home / "city" / "city.json").read_text(encoding="utf-8"))
    return replace(load_settings(), home=home), date.fromisoformat(told["last_day"])


@contextmanager
def start_ours(setting: Setting) -> Generator[Target]:
    """Serve the city's ratings to its bank; the plan asks about every firm with a live consent in turn."""
    settings, today = make_home(setting.work)
    rated = pq.read_table(settings.home / "ratings.parquet", columns=["uscc"])["uscc"].to_pylist()
    now = now_in_shanghai().replace(year=today.year, month=today.month, day=today.day)
    accounts = make_accounts(settings, rated, now)
    manner = Manner(port=PORT, workers=WORKERS, today=today)
    command = [sys.executable, "-m", "xinqiao", "serve", "--port", str(PORT)]
    command += ["--workers", str(WORKERS), "--today", today.isoformat()]
    variables = {"XINQIAO_HOME": str(settings.home)}
    with embedded(settings.home / "database") as addresses:
        with psycopg.connect(addresses.owner) as connection:
            connection.execute(_UNBOUND, {"client": accounts.client_id})
            asked = {"bank": accounts.bank, "today": today}
            firms = [row[0] for row in connection.execute(_OPENED, asked).fetchall()]
            database = parent_of(connection.info.backend_pid)
        process = start_service(command, log=setting.work / "serve.log", variables=variables)
        url = f"http://{manner.host}:{PORT}"
        try:
            await_up(f"{url}/readyz", process)
            pids = {"server": process.pid, "database": database}
            yield Target(url, rating_plan(url, accounts, firms), pids)
        finally:
            end_service(process)


def rating_plan(url: str, accounts: Accounts, firms: list[str]) -> Iterator[Request]:
    """Ask for a rating of one firm after the other, with a token that is always good."""
    taken, headers = -_TOKEN_S, dict[str, str]()
    while True:
        for uscc in firms:
            if time.monotonic() - taken > _TOKEN_S:
                taken = time.monotonic()
                token = take_token(url, accounts)
                headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
            body = json.dumps({"uscc": uscc, "purpose": "postloan"})
            yield Request("POST", "/v1/ratings", headers, body.encode(), adds_up)


def take_token(url: str, accounts: Accounts) -> str:
    """An access token of the bank's program."""
    key = base64.b64encode(f"{accounts.client_id}:{accounts.client_secret}".encode()).decode()
    headers = {
        "Authorization": f"Basic {key}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    asked = Asked(f"{url}/v1/token", b"grant_type=client_credentials", headers)  # noqa: S310 - our own
    with urlopen(asked, timeout=10) as answer:  # noqa: S310 - our own
        token: str = json.load(answer)["access_token"]
    return token


def adds_up(answer: Answer) -> bool:
    """Check that a rating came and its points add up to its score."""
    if answer.status != 201:  # noqa: PLR2004 - Created
        return False
    told = json.loads(answer.body)
    parts = sum(told["points"].values()) + told["points_limit"]
    return told["base_points"] + parts == told["score"]
