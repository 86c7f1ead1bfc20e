"""Settings every test shares."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from coverage import Coverage

# Compiled loops are kept between runs in the ignored `var/`, so only the first run waits for the
# compiler. It must be set before anything imports the loops, hence here and not in a fixture; worker
# processes of a parallel run may share the folder.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parent.parent / "var" / "numba"))

# Databases, servers and browsers start when a test asks for one.
pytest_plugins = ["tests.databases", "tests.page_fixtures"]

#: Files that take long come first, so that all cores end together.
LONG = ("tests/integration/", "tests/browser/", "tests/property/", "tests/docs/")
#: These walk over and over through code that other tests measure; counting its lines would only cost time.
UNCOUNTED = (
    "tests/property/",
    "tests/integration/test_nothing_leaves.py",
    "tests/integration/test_schemathesis.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Within both halves the order stays as it was drawn."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool, bool]:
    """Pause `--cov` where it would tell nothing new."""
    counting = Coverage.current() if item.nodeid.startswith(UNCOUNTED) else None
    if counting is None:
        return (yield)
    counting.stop()
    try:
        return (yield)
    finally:
        counting.start()
