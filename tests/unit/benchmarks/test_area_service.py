import json
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest

from benchmarks import area_service
from benchmarks.area_service import Side, entries_of, explains, measure_sides, peer_plan
from benchmarks.load.outcome import Outcome, Report, make_report
from benchmarks.load.plan import Answer, Request
from benchmarks.load.run import Target
from benchmarks.load.search import Found


def report(rate: float, *, p50_ms: float, cpu_ms: dict[str, float]) -> Report:
    one = Outcome(
        due=np.zeros(1), sent=np.zeros(1), ended=np.zeros(1), status=np.array([200], dtype=np.int64)
    )
    made = make_report(one, seconds=1.0)
    return replace(
        made, offered_rate=rate, achieved_rate=rate, p50_ms=p50_ms, p99_ms=19.0, cpu_ms=cpu_ms
    )


def test_both_sides_are_loaded_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []

    def load(target: Target, rate: float, *, seconds: float = 1.0) -> Report:
        asked.append((target.url, rate))
        limit = 500 if target.url == "ours" else 20
        p50_ms = 2.0 if rate <= limit else 200.0
        made = report(rate, p50_ms=p50_ms, cpu_ms={"server": seconds})
        return replace(made, p99_ms=10 * p50_ms, achieved_rate=min(rate, 2.0 * limit))

    monkeypatch.setattr(area_service, "load", load)
    plan = repeat(Request("GET", "/"))
    ours, theirs = measure_sides(Target("ours", plan), Target("peer", plan), turns=2)
    assert ours.found.rate is not None
    assert theirs.found.rate is not None
    assert 500 / 1.05 <= ours.found.rate <= 500
    assert 20 / 1.05 <= theirs.found.rate <= 20
    quiet = area_service.QUIET_RATE
    turn = [
        ("ours", ours.found.rate),
        ("ours", quiet),
        ("peer", theirs.found.rate),
        ("peer", quiet),
    ]
    assert asked[-8:] == turn + turn


def test_a_side_that_is_late_when_idle_is_only_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def load(target: Target, rate: float, *, seconds: float = 1.0) -> Report:
        del target, seconds
        asked.append(rate)
        made = report(rate, p50_ms=20.1, cpu_ms={"server": 100.0})
        return replace(made, achieved_rate=min(rate, 15.0))

    monkeypatch.setattr(area_service, "load", load)
    found = area_service.search_side(Target("peer", repeat(Request("GET", "/"))))
    assert found.rate is None
    assert found.breaks_at is not None
    # to warm up, as good as idle, quiet, and then a few on the way up to where it breaks
    assert asked[:3] == [area_service.QUIET_RATE, area_service.IDLE_RATE, area_service.QUIET_RATE]
    assert found.breaks_at * 0.95 > 15 >= asked[-2] * 0.95


def test_entries_set_everything_a_request_costs_against_the_peer() -> None:
    mine = report(500.0, p50_ms=2.0, cpu_ms={"server": 1.5, "database": 0.5})
    theirs = report(25.0, p50_ms=12.0, cpu_ms={"server": 11.0})
    sides = [
        Side(Found(one.offered_rate, one, None, (one,)), (one,), (one,)) for one in (mine, theirs)
    ]
    now = datetime(2026, 11, 22, 3, 0)
    rate, cpu, latency = entries_of(now, 1, *sides)
    assert (rate.ours, rate.peer, rate.ratio) == (500.0, 25.0, 20.0)
    assert (cpu.ours, cpu.peer, cpu.ratio) == (2.0, 11.0, 5.5)
    assert "server 1.50 ms, database 0.50 ms" in cpu.note
    assert (latency.ours, latency.peer, latency.ratio) == (2.0, 12.0, 6.0)


def test_the_peer_is_asked_rows_that_could_be_firms(tmp_path: Path) -> None:
    rows = [[1.0, "NaN"], ["Infinity", 2.0], [1e300, 2.0], [3.0, 4.0]]
    (tmp_path / "manifest.json").write_text(
        json.dumps({"features": [{"name": "age"}, {"name": "tax"}]})
    )
    (tmp_path / "proof.json").write_text(json.dumps({"rows": [{"values": row} for row in rows]}))
    sent = [json.loads(request.body)["dataframe_split"] for request in peer_plan(tmp_path)]
    assert sent == [{"columns": ["age", "tax"], "data": [row]} for row in ([1.0, None], [3.0, 4.0])]


def test_the_peer_must_explain_every_feature() -> None:
    def answer(probability: float, *names: str) -> Answer:
        row = {"default_probability": probability, "contributions": dict.fromkeys(names, 0.1)}
        return Answer(200, json.dumps({"predictions": [row]}).encode())

    check = partial(explains, names=frozenset({"age", "tax"}))
    assert check(answer(0.02, "tax", "age"))
    assert not check(answer(0.02, "tax"))
    assert not check(answer(1.0, "tax", "age"))
    assert not check(Answer(500, b"{}"))
