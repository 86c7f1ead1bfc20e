"""The bound of a look: a bare FastAPI endpoint that inserts one row and commits it, nothing else."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool

#: Tells the workers where to insert.
ADDRESS = "XINQIAO_FLOOR_DATABASE"
CREATE = """
CREATE TABLE floor (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamp DEFAULT localtimestamp, detail text
)
"""
INSERT = "INSERT INTO floor (detail) VALUES (%(detail)s)"
#: As much text as a row of the record holds.
DETAIL = {"detail": "x" * 300}


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncGenerator[None]:
    async with AsyncConnectionPool(os.environ[ADDRESS], min_size=1, max_size=8) as pool:
        app.state.pool = pool
        yield


app = FastAPI(openapi_url=None, lifespan=_life)


@app.get("/")
async def insert() -> dict[str, str]:
    """Insert and commit."""
    async with app.state.pool.connection() as connection:
        await connection.execute(INSERT, DETAIL)
    return {"grade": "AA-"}
