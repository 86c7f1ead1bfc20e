"""Settings every test shares."""

import os
from pathlib import Path

# Compiled loops are kept between runs in the ignored `var/`, so only the first run waits for the
# compiler. It must be set before anything imports the loops, hence here and not in a fixture; worker
# processes of a parallel run may share the folder.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).parent.parent / "var" / "numba"))

# Databases, servers and browsers start when a test asks for one.
pytest_plugins = ["tests.databases", "tests.page_fixtures"]
