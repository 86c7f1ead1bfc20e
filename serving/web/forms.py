"""What a page's form sent, and how it becomes the body a room's service takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar
from urllib.parse import parse_qs

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from serving.errors import MalformedError
from serving.problems import malformed

_MOST_FIELDS = 200
Schema = TypeVar("Schema", bound=BaseModel)


@dataclass(frozen=True)
class Form:
    """Fields by name, each with all values it was given."""

    values: Mapping[str, Sequence[str]]

    def one(self, name: str) -> str:
        """The last value of a field, without blanks around it; empty where there is none."""
        return self.values.get(name, [""])[-1].strip()

    def many(self, name: str) -> list[str]:
        """Every value of a field, as checkboxes send them."""
        return [value for value in self.values.get(name, []) if value]

    def filled(self, *names: str) -> dict[str, str]:
        """Those of the fields that were filled in."""
        return {name: self.one(name) for name in names if self.one(name)}


def as_body(schema: type[Schema], given: Mapping[str, object]) -> Schema:
    """The body a service takes, made of what was filled in.

    Raises
    ------
    MalformedError
        Naming the fields that are not what they must be.
    """
    try:
        return schema.model_validate(given)
    except ValidationError as wrong:
        errors = [{**error, "loc": ("body", *error["loc"])} for error in wrong.errors()]
        raise malformed(errors) from None


async def _form(request: Request) -> Form:
    try:
        text = (await request.body()).decode("utf-8")
        values = parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise MalformedError(
            en="The form cannot be read. Go back and send it again.",
            zh="无法读取表单，请返回后重新提交。",
        ) from None
    form = Form(values)
    request.state.form = form
    return form


CurrentForm = Annotated[Form, Depends(_form)]
