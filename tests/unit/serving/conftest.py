"""What tests of several rooms share."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.rated_town import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> "Town":
    from tests.rated_town import make_town  # noqa: PLC0415 - loads LightGBM, for the few tests that rate

    return make_town(tmp_path_factory.mktemp("town"))
