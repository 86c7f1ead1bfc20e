"""Questions to the ledger that a request lets foresee: they travel with the one about who asks.

A trip to the ledger costs more than most answers. An endpoint may say from the body of a request what
it will read; the door sends that along, inside the same transaction, and whoever asks the same
question finds it answered. A question asked a second time goes to the ledger again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, LiteralString, TypeVar

from psycopg import AsyncCursor
from psycopg.rows import class_row

from serving.db import BEGIN, Connection

Row = TypeVar("Row")


@dataclass(frozen=True)
class Question(Generic[Row]):
    """One query, what it is given, and what its rows are made into."""

    row: type[Row]
    query: LiteralString
    given: Mapping[str, object]


#: From the JSON of a body, the institution that asks and the moment: what will be read.
Foresight = Callable[[object, str, datetime], Sequence[Question[Any]]]


@dataclass
class Ahead:
    """What was foreseen of one request, and its answers as far as nobody has taken them."""

    questions: Callable[[str], Sequence[Question[Any]]] = lambda _: ()
    _answered: list[tuple[Question[Any], AsyncCursor[Any]]] = field(
        default_factory=list[tuple[Question[Any], AsyncCursor[Any]]]
    )

    async def first(
        self, connection: Connection, question: Question[Row], institution: str
    ) -> Row | None:
        """The first row of a transaction's first question, and with it what is foreseen of the institution's request."""
        async with connection.pipeline():
            await connection.execute(BEGIN)
            cursor = await _asked(connection, question)
            for foreseen in self.questions(institution):
                self._answered.append((foreseen, await _asked(connection, foreseen)))
        return await cursor.fetchone()

    async def rows(self, connection: Connection, question: Question[Row]) -> list[Row]:
        """The rows of a question, foreseen or asked now."""
        for place, (known, cursor) in enumerate(self._answered):
            if known == question:
                del self._answered[place]
                return await cursor.fetchall()
        return await (await _asked(connection, question)).fetchall()


async def _asked(connection: Connection, question: Question[Row]) -> AsyncCursor[Row]:
    cursor = connection.cursor(row_factory=class_row(question.row))
    return await cursor.execute(question.query, question.given)
