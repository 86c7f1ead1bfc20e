"""How every failure is written down in the OpenAPI document."""

from pydantic import BaseModel, ConfigDict, Field

_WHEN = {
    401: "No key, or one that is not (or no longer) good.",
    403: "The role or the consent does not open it.",
    404: "No such thing, or none the caller may know of.",
    409: "The state of things, or the idempotency key, does not allow it.",
    413: "The body is too large.",
    421: "The host name is not this service.",
    422: "A part of the request is not what it must be.",
    429: "Too many requests.",
    500: "A defect of ours.",
    503: "A part does not answer, or too much is in work.",
    504: "The answer took too long.",
}


class Problem(BaseModel):
    """A failure, after RFC 9457; members beside these depend on the code."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "/problems#not_found",
                "title": "There is no such thing or none that the caller may know of.",
                "status": 404,
                "code": "not_found",
                "detail": "There is no such thing here, or none that you may know of.",
                "instance": "R-3f0c9d1e2a7b4c5d6e8f",
            }
        },
    )

    type: str = Field(description="Where the code is explained, relative to this host.")
    title: str = Field(description="What the code means.")
    status: int
    code: str = Field(description="Stable; programs decide by it.")
    detail: str = Field(
        description="What was found, needed and can be done, in the asker's language."
    )
    instance: str = Field(description="Id of the request, the same as in X-Request-Id.")


def problem_responses() -> dict[int | str, dict[str, object]]:
    """Every failure an endpoint behind the door can answer with."""
    return {status: problem_response(words) for status, words in _WHEN.items()}


def problem_response(words: str) -> dict[str, object]:
    """One way of failing; for what only some endpoints answer with."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": words, "content": {"application/problem+json": {"schema": schema}}}
