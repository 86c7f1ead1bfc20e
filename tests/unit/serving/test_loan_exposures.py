"""Who has an interest in an enterprise, and how its loans stand."""

import asyncio
from datetime import date

import psycopg

from serving.database.addresses import Addresses
from serving.loans.exposures import Exposure, ExposureFigures, exposure_figures, live_exposures

_ADD = """
INSERT INTO loan (institution, loan_id, lake_id, uscc, product_code, granted_on, matures_on, amount_fen, balance_fen,
                  days_past_due, five_class, status, guarantor, updated_at)
VALUES ('BANK', 'L1', 'L1', 'FIRM', 'P1', '2026-01-01', '2027-01-01', 900, 300, 0, 1, 'running', '', '2026-11-01'),
       ('BANK', 'L2', 'L2', 'FIRM', 'P2', '2026-01-01', '2026-12-31', 900, 700, 31, 2, 'overdue', 'SURETY', '2026-11-01'),
       ('BANK', 'L3', 'L3', 'FIRM', 'P3', '2025-01-01', '2026-01-01', 900, 0, 0, 1, 'settled', 'SURETY', '2026-11-01'),
       ('OTHER', 'L1', 'L1~2', 'FIRM', '', '2026-01-01', NULL, 900, 900, 0, 1, 'running', '', '2026-11-01'),
       ('BANK', 'L4', 'L4', 'SECOND', '', '2026-01-01', NULL, 900, 900, 400, 5, 'written_off', '', '2026-11-01'),
       ('OTHER', 'L5', 'L5', 'THIRD', '', '2026-01-01', NULL, 900, 900, 0, 1, 'running', '', '2026-11-01')
"""


def test_settled_and_written_off_loans_are_no_exposure(fresh_database: Addresses) -> None:
    async def work() -> None:
        async with await psycopg.AsyncConnection.connect(fresh_database.app) as connection:
            await connection.execute(_ADD)
            assert await live_exposures(connection, ["FIRM", "SECOND"]) == [
                Exposure("BANK", "FIRM", ("L1", "L2"), "lender"),
                Exposure("OTHER", "FIRM", ("L1",), "lender"),
                Exposure("SURETY", "FIRM", ("L2",), "guarantor"),
            ]
            assert await live_exposures(connection, []) == []
            assert (await live_exposures(connection))[-1].uscc == "THIRD"
            # 300 + 700 fen; the second loan is the larger and the worse.
            assert (await exposure_figures(connection))[0] == ExposureFigures(
                "BANK", "FIRM", 31, 1000, date(2026, 12, 31), "P2", 2
            )
            assert {one.institution for one in await exposure_figures(connection)} == {
                "BANK",
                "OTHER",
            }

    asyncio.run(work())
