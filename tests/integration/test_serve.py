"""The service for real, on loopback: things are killed, and what is left is counted."""

import json
import os
import re
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from serving.database.embedded import administrator, wait_until_stopped
from tests.real_service import command, serving, until


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_who_is_killed_is_replaced_and_nobody_outlives_the_parent() -> None:
    with serving() as server:
        assert json.loads(server.ask("/readyz")[1])["ready"] is True
        workers, upkeep = server.children("serving.worker"), server.children("serving.maintenance")
        assert (len(workers), len(upkeep)) == (2, 1)

        os.kill(workers[0], signal.SIGKILL)
        os.kill(upkeep[0], signal.SIGKILL)
        until(lambda: len(set(server.children("serving.worker")) - {workers[0]}) == 2)
        until(lambda: set(server.children("serving.maintenance")) - set(upkeep))
        until(lambda: sum(line["event"] == "upkeep.acts" for line in server.log) == 2)
        assert server.ask("/readyz")[0] == 200
        assert {line.get("part") for line in server.log if line["event"] == "part.ended"} == {
            "worker",
            "upkeep",
        }
        assert 'xinqiao_jobs_total{job="seal_record",outcome="done"}' in server.ask("/metrics")[1]

        server.process.kill()
        until(lambda: not server.children("serving.worker"))
        until(lambda: not server.children("serving.maintenance"))
        wait_until_stopped(server.home / "database")
        assert server.ask("/healthz")[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_told_to_stop_it_finishes_what_is_in_work() -> None:
    with serving() as server:
        locked = administrator(server.home / "database").replace(
            "dbname=postgres", "dbname=xinqiao"
        )
        answers: list[tuple[int, Any]] = []
        with psycopg.connect(locked) as holder:
            holder.execute("LOCK TABLE alembic_version")
            asker = threading.Thread(target=lambda: answers.append(server.ask("/readyz")))
            asker.start()
            until(lambda: _waiting(locked))
            server.process.terminate()
            until(lambda: _is_closed(server.port))
        asker.join()
        assert answers[0][0] in {200, 503}
        assert json.loads(answers[0][1])["ledger"] is True
        assert server.process.wait(30) == 0
        assert server.children("serving.worker") == server.children("serving.maintenance") == []
        wait_until_stopped(server.home / "database")


def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = command(tmp_path, "--port", str(taken.getsockname()[1]))
        assert process.wait(60) == 1
    words = (tmp_path / "log").read_text("utf-8")
    assert re.search(
        r"^Error: The service cannot listen on 127\.0\.0\.1 port \d+: Address already in use\.",
        words,
    )
    assert "Traceback" not in words
    assert not (tmp_path / "database").exists()


def test_a_home_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where a folder must be")
    process = command(tmp_path)
    assert process.wait(60) == 1
    words = (tmp_path / "log").read_text("utf-8")
    assert words.startswith(f"Error: The service cannot write in {tmp_path}: ")
    assert "Traceback" not in words


def _waiting(address: str) -> bool:
    with psycopg.connect(address) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        found = connection.execute(query).fetchone()
    return bool(found and found[0])


def _is_closed(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return True
    return False
