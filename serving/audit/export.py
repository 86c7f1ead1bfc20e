"""The record as one file that anybody can check without the database and without this program.

JSON, an object a line:

    {"format": "xinqiao audit export 1", "columns": [...]}
    {"key": {...}}                                    each public key, as in keys.jsonl
    {"head": {...}}                                   each head, as in heads.jsonl
    {"leaf": 0, "hash": "<hex>", "row": [...]}        each leaf; `row` is null where the row is gone
    {"end": 8}                                        number of leaves
"""

import gzip
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO, cast

from serving.audit.leaf import COLUMNS
from serving.audit.papers import Papers
from serving.audit.rows import Leaf
from serving.audit.verify import Sink

FORMAT = "xinqiao audit export 1"


@contextmanager
def exporting(path: Path) -> Generator[Callable[[Papers], Sink]]:
    """Write an export; the file appears whole at the end, compressed if its name ends with `.gz`."""
    temporary = path.with_name(f".{path.name}.part")
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(temporary, "wt", encoding="utf-8") as file:
            writer = _Writer(cast("TextIO", file))
            yield writer.begin
            writer.line({"end": writer.leaves})
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class _Writer:
    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.leaves = 0

    def line(self, content: object) -> None:
        self._file.write(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")

    def begin(self, papers: Papers) -> Sink:
        self.line({"format": FORMAT, "columns": COLUMNS})
        for key in papers.keys:
            self.line({"key": asdict(key)})
        for head in papers.heads:
            self.line({"head": asdict(head)})
        return self.leaf

    def leaf(self, leaf: Leaf) -> None:
        self.line({"leaf": leaf.index, "hash": leaf.hash.hex(), "row": leaf.row})
        self.leaves += 1
