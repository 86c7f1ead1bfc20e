"""What the service refuses, each with its HTTP status and a stable code.

`details` are members of the problem document beside the sentence: ids, counts and names of scopes,
never a person's data.
"""

from collections.abc import Mapping
from typing import ClassVar

from features.errors import XinqiaoError

Details = Mapping[str, object]


class ServingError(XinqiaoError):
    """A refusal at the door."""

    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, en: str, zh: str, details: Details | None = None) -> None:
        super().__init__(en, zh)
        self.details: Details = details or {}


class NotAuthenticatedError(ServingError):
    """Nobody, or a key that is not (or no longer) one of ours."""

    code = "not_authenticated"
    status = 401
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": 'Bearer realm="xinqiao"'}


class InvalidClientError(ServingError):
    """A program's id and secret that are not (or no longer) good; named as RFC 6749, 5.2 does."""

    code = "invalid_client"
    status = 401
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": 'Basic realm="xinqiao"'}


class TokenRequestError(ServingError):
    """A token asked for in a way that cannot be answered; `error` is RFC 6749's word for it."""

    code = "token_request"
    status = 400


class CrossSiteError(ServingError):
    """A change that another site's page sent with a person's cookie."""

    code = "cross_site"
    status = 403


class NotPermittedError(ServingError):
    """The caller's role, or its client's permissions, do not hold the action."""

    code = "not_permitted"
    status = 403


class NeedAuthorisationError(ServingError):
    """The enterprise has not opened what the answer would need."""

    code = "need_authorisation"
    status = 403


class NotFoundError(ServingError):
    """There is no such thing, or none that this caller may know of."""

    code = "not_found"
    status = 404


class MethodNotAllowedError(ServingError):
    """The path is known, the method is not one of its own."""

    code = "method_not_allowed"
    status = 405


class ConflictError(ServingError):
    """The state of things does not allow it."""

    code = "conflict"
    status = 409


class IdempotencyConflictError(ServingError):
    """An idempotency key comes again with another request."""

    code = "idempotency_conflict"
    status = 409


class MisdirectedError(ServingError):
    """The request names a host that is not this service."""

    code = "misdirected"
    status = 421


class MalformedError(ServingError):
    """A part of the request is not what it must be."""

    code = "malformed"
    status = 422


class TooLargeError(ServingError):
    """The body is larger than the service reads."""

    code = "too_large"
    status = 413


class KeyFileError(ServingError):
    """A file among the signing keys is not a key."""

    code = "key_file"
    status = 503


class TooManyRequestsError(ServingError):
    """Faster than this client may ask; `retry_after_seconds` says when to come back."""

    code = "too_many_requests"
    status = 429


class InternalError(ServingError):
    """A defect of ours; the log has its place under the request id."""

    code = "internal"
    status = 500


class OverloadedError(ServingError):
    """More requests are in work than this process takes; nothing was begun."""

    code = "overloaded"
    status = 503


class UnavailableError(ServingError):
    """A part the answer needs does not answer now; nothing was done."""

    code = "unavailable"
    status = 503


class TimeoutExceededError(ServingError):
    """The answer took longer than the service lets it; nothing was done."""

    code = "timeout"
    status = 504


class SchemaError(ServingError):
    """The database is not of this program's version."""

    code = "schema"
    status = 503


class DatabaseError(ServingError):
    """The ledger's server cannot be reached, started or changed as asked."""

    code = "database"
    status = 503


class ServiceStartError(ServingError):
    """The service cannot start where it was told to, or will not stay up."""

    code = "service_start"
    status = 503
