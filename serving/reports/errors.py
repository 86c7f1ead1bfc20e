"""What the report room refuses."""

from serving.errors import ServingError


class ReportOutdatedError(ServingError):
    """A report is past its validity, or shows a record that may not be shown any more."""

    code = "report_outdated"
    status = 409
