from datetime import datetime
from pathlib import Path

import pytest

from benchmarks.pages import ENGLISH, PageError, figure, main, rewritten
from benchmarks.results import Entry, compared, record

EMPTY = "# T\n\n<!-- figures:features -->\n<!-- /figures -->\n\nAfter.\n"
FILLED = """# T

<!-- figures:features -->

| Measure | Xinqiao | Peer | Ratio | How |
|---|--:|--:|--:|---|
| CPU, against pandas | 0.500 s | 2.00 s | 4.00× | 5 turns \\| one core |
| Peak memory, against pandas | 120 MiB | – | – |  |

Ratio > 1: Xinqiao is better. Measured 2026-03-01 by `make bench ONLY=features`.

<!-- /figures -->

After.
"""
NOW = datetime.fromisoformat("2026-03-01T09:30")
CHINESE = """<!-- figures:features -->

| 指标 | 信桥 | 对照 | 倍数 |
|---|--:|--:|--:|
| CPU 时间（对照 pandas） | 0.500 s | 2.00 s | 4.00× |
| 内存峰值（对照 pandas） | 120 MiB | – | – |

倍数大于 1 表示信桥更优。由 `make bench ONLY=features` 测得（2026-03-01）。

<!-- /figures -->
"""


def entries() -> list[Entry]:
    return [
        compared(
            "features",
            "CPU, against pandas",
            ours=0.5,
            peer=2.0,
            better="lower",
            unit="s",
            now=NOW,
            note="5 turns | one core",
        ),
        compared(
            "features",
            "Peak memory, against pandas",
            ours=120.0,
            peer=None,
            better="lower",
            unit="MiB",
            now=NOW,
        ),
    ]


def house(root: Path, **texts: str) -> Path:
    (root / "benchmarks").mkdir()
    (root / "docs" / "how-to").mkdir(parents=True)
    record(entries(), root / "benchmarks" / "results.json")
    for name, text in texts.items():
        (root / (name.replace("__", "/").replace("_", ".") + ".md")).write_text(text)
    return root


def test_a_block_becomes_the_table_and_the_rest_of_the_page_stays() -> None:
    assert rewritten(EMPTY, entries(), ENGLISH, "README.md") == FILLED


def test_writing_twice_changes_nothing() -> None:
    assert rewritten(FILLED, entries(), ENGLISH, "README.md") == FILLED


def test_a_page_without_blocks_stays() -> None:
    assert rewritten("Nothing here.\n", [], ENGLISH, "README.md") == "Nothing here.\n"


def test_an_area_without_results_is_named_with_the_remedy() -> None:
    with pytest.raises(PageError, match=r"README\.md asks for .*'shap'.*make bench ONLY=shap"):
        rewritten(EMPTY.replace("features", "shap"), entries(), ENGLISH, "README.md")


@pytest.mark.parametrize(
    "page",
    [
        "<!-- figures:features -->\nno end\n",
        "<!-- figures:features -->\n" + EMPTY,  # the second block would close the first
        "<!-- figures: features -->\n<!-- /figures -->\n",
    ],
)
def test_a_block_without_end_is_refused(page: str) -> None:
    with pytest.raises(PageError, match="opens a figures block that no line"):
        rewritten(page, entries(), ENGLISH, "README.md")


def test_every_page_is_written_in_its_language(tmp_path: Path) -> None:
    root = house(tmp_path, README=EMPTY, README_zh=EMPTY[5:-8], **{"docs__how-to__measure": EMPTY})
    assert main([], root) == 0
    assert (root / "README.md").read_text() == FILLED
    assert (root / "docs" / "how-to" / "measure.md").read_text() == FILLED
    assert (root / "README.zh.md").read_text().strip() == CHINESE.strip()


def test_check_finds_stale_figures_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = house(tmp_path, README=EMPTY)
    assert main(["--check"], root) == 1
    assert capsys.readouterr().out == "README.md: figures are stale; run `make docs`\n"
    assert (root / "README.md").read_text() == EMPTY
    main([], root)
    assert main(["--check"], root) == 0


def test_a_measure_without_chinese_name_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = house(tmp_path, README_zh=EMPTY)
    unnamed = compared("features", "Joy", ours=1.0, peer=1.0, better="higher", unit="", now=NOW)
    record([unnamed], root / "benchmarks" / "results.json")
    assert main([], root) == 1
    assert "'features: Joy' has no Chinese name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"),
        (0.01234, "0.0123"),
        (1.0, "1.00"),
        (12.34, "12.3"),
        (99.96, "100"),
        (1234.5, "1,234"),
    ],
)
def test_figures_keep_three_digits(value: float, written: str) -> None:
    assert figure(value) == written
