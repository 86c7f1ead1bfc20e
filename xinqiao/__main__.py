"""`python -m xinqiao …`."""

import sys

from xinqiao.app import main

sys.exit(main())
