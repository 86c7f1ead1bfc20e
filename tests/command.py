"""The command, run in this process."""

import sys
from io import StringIO

import pytest

from xinqiao.app import main


def run(patch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """Run the command in this process; its exit code, and both streams together."""
    stream = StringIO()
    patch.setattr(sys, "argv", ["xinqiao", *arguments])
    patch.setattr(sys, "stdout", stream)
    patch.setattr(sys, "stderr", stream)
    try:
        code = main()
    except SystemExit as left:
        code = int(left.code or 0)
    finally:
        patch.setattr(sys, "stdout", sys.__stdout__)
        patch.setattr(sys, "stderr", sys.__stderr__)
    return code, stream.getvalue()
