"""What the rating room refuses."""

from serving.errors import ServingError


class NoModelError(ServingError):
    """No model serves here yet, or there are no vectors for it."""

    code = "no_model"
    status = 503
