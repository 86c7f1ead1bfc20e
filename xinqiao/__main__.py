"""`python -m xinqiao …`."""

import os
import sys

from xinqiao.settings import load_settings

# Compiled kernels are kept with the state; numba reads this when the kernels are first imported.
os.environ.setdefault("NUMBA_CACHE_DIR", str(load_settings().home / "numba"))

from xinqiao.app import main

sys.exit(main())
