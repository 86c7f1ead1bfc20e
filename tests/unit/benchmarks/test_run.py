import doctest
from types import ModuleType

import pytest

from benchmarks import pages, results
from benchmarks.run import main
from benchmarks.setting import Setting


def nothing_measured(_: Setting) -> list[results.Entry]:
    raise AssertionError("an unknown area must run nothing")


def test_an_unknown_area_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    areas = {"features": nothing_measured, "rating": nothing_measured}
    assert main(["--only", "feature"], areas) == 2
    error = capsys.readouterr().err
    assert error == "There is no benchmark area 'feature'. Known areas: features, rating.\n"


@pytest.mark.parametrize("module", [pages, results])
def test_examples_run(module: ModuleType) -> None:
    assert doctest.testmod(module) == doctest.TestResults(failed=0, attempted=1)
