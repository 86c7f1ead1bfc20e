from datetime import datetime
from pathlib import Path

import pytest

from features.errors import BundleError
from training.registry import alias_history, alias_now, named_bundle, set_alias

NOW = datetime(2026, 11, 21, 12)


def test_an_alias_names_its_last_bundle_and_keeps_the_others(tmp_path: Path) -> None:
    for bundle_id in ("aa", "bb"):
        set_alias(tmp_path, alias_now(bundle_id, now=NOW, reason=f"trained {bundle_id}"))
    assert named_bundle(tmp_path) == tmp_path / "bb"
    assert [alias.bundle_id for alias in alias_history(tmp_path)] == ["aa", "bb"]


def test_no_alias_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="Train one with `xinqiao train`"):
        named_bundle(tmp_path)


def test_a_damaged_record_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "aliases.json").write_text("[{")
    with pytest.raises(BundleError, match="cannot be read, so no model is known to serve"):
        named_bundle(tmp_path)
