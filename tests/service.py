"""A service for tests: the real application on a fresh ledger, a clock to set, callers of every role.

::

    with service(ledger) as running:
        bank = running.bank(permissions=["consent:read"])
        assert running.get("/v1/consents", bank).status_code == 200

Requests go through the whole application without a socket. Everything of a test's own making has
invented names and codes.
"""

import asyncio
import itertools
import json
import tempfile
from collections.abc import Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient

from serving.app import ROOMS, create_app
from serving.house import House
from serving.observe.log import make_log
from serving.settings import Settings
from tests.databases import Ledger

NOON = datetime(2026, 11, 20, 12, 0)  # a Friday
T = TypeVar("T")


@dataclass
class Clock:
    """Wall time that stands until it is moved."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        """The time now."""
        return self.now

    def move(self, **step: float) -> None:
        """Let time pass, as `timedelta` says it."""
        self.now += timedelta(**step)
