"""A process that uses a private server until its standard input ends; prints the owner's address."""

import sys
from pathlib import Path

from serving.database.embedded import embedded

if __name__ == "__main__":
    with embedded(Path(sys.argv[1]), extra={"fsync": "off"}) as addresses:
        sys.stdout.write(f"{addresses.owner}\n")
        sys.stdout.flush()
        sys.stdin.read()
