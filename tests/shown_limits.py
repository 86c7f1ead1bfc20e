"""Whether a table of cases shows a condition on its limit and one beyond."""

from collections.abc import Mapping, Sequence

from features.rules.compiled import compile_rule
from features.rules.syntax import Clause, values_of
from features.rules.vocabulary import Term, Vocabulary, limit_of

Given = dict[str, float | str | None]


def is_shown(clause: Clause, shown: Sequence[Given], vocabulary: Vocabulary) -> bool:
    """Whether firms give both answers; of a limit the limit itself and a value beside it."""
    alone = compile_rule(str(clause), vocabulary)
    values = {given.get(clause.name) for given in shown} - {None}
    answers = {value: alone.ask({clause.name: value}) for value in values if value is not None}
    if set(answers.values()) != {True, False}:
        return False
    term = vocabulary.term(clause.name, "table")
    limits = [limit_of(term, value, "table") for value in values_of(clause)]
    return all(
        limit in answers and (isinstance(limit, str) or _has_neighbour(term, limit, answers))
        for limit in limits
    )


def _has_neighbour(term: Term, limit: float, answers: Mapping[float | str, bool | None]) -> bool:
    """Whether a value within one step, or a tenth, of a limit has the other answer."""
    step = max(0.01 if term.unit == "ratio" else 1.0, abs(limit) / 10) + 1e-9
    return any(
        answers[limit] != said and abs(value - limit) <= step
        for value, said in answers.items()
        if not isinstance(value, str)
    )
