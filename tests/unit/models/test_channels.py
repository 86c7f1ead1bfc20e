"""Columns: what stands in each, and that the green one keeps to what is green."""

from typing import Any

import pytest

from features.errors import ModelDocumentError
from models.channels.book import Channel, channels_on, load_channels
from models.policies.book import load_policies
from models.products.book import ProductEntry, load_products
from models.tags.book import load_tags
from tests.product_world import DAY

_WORDS = {"zh": "示例", "en": "example"}


def channels(*more: ProductEntry) -> dict[str, Channel]:
    found = channels_on(load_channels(), [*load_products(), *more], load_policies(), DAY)
    return {one.entry.code: one for one in found}


def codes(channel: Channel) -> set[str]:
    return {entry.code for entry in channel.products}


def product(code: str, **given: Any) -> ProductEntry:
    version: dict[str, Any] = {
        "valid_from": "2026-01-01", "source": "example", "evidence": "P", "regions": ["*"],
        "limit": {}, "rate": {}, "term_months": {},
    }  # fmt: skip
    return ProductEntry.model_validate(
        {"code": code, "name": _WORDS, "lender": _WORDS, "channels": ["green"], "versions": [version | given]}
    )  # fmt: skip


def test_the_four_columns_hold_products_and_policies() -> None:
    found = channels()
    assert list(found) == ["tech", "green", "rural", "inclusive"]
    assert all(one.products and one.policies for one in found.values())
    assert {"P16", "P17"} <= codes(found["tech"])
    assert {"P19", "P23"} <= codes(found["rural"])


def test_the_green_column_shows_only_what_is_green() -> None:
    assert codes(channels()["green"]) == {"P34", "P35", "P36", "P42"}
    washed = product("X1", when="enterprise_age_months >= 24 months")
    tagged = product("X2", when="tag_green or tag_clean_energy")
    linked = product("X3", carbon_linked=True)
    found = codes(channels(washed, tagged, linked)["green"])
    assert found & {"X1", "X2", "X3"} == {"X2", "X3"}


def test_an_expired_product_leaves_its_column() -> None:
    old = product("X4", carbon_linked=True, valid_until="2026-06-29")
    assert "X4" not in codes(channels(old)["green"])


def test_every_product_and_policy_stands_in_a_column_there_is() -> None:
    known = {entry.code for entry in load_channels().channels}
    for entry in (*load_products(), *load_policies()):
        assert entry.channels, entry.code
        assert set(entry.channels) <= known, entry.code


def test_columns_name_tags_there_are() -> None:
    tags = {entry.code for entry in load_tags().entries}
    for entry in load_channels().channels:
        assert set(entry.tags) <= tags, entry.code


def test_a_column_is_named_once(tmp_path: Any) -> None:
    line = "- {code: tech, words: {zh: 一, en: one}, about: {zh: 一, en: one}, tags: [tech], strict: false}"
    path = tmp_path / "channels.yaml"
    path.write_text(f"valid_from: 2026-01-01\nchannels:\n{line}\n{line}\n", encoding="utf-8")
    with pytest.raises(ModelDocumentError, match="given twice"):
        load_channels(path)
