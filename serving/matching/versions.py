"""What an answer was computed with."""

import hashlib
from functools import lru_cache

from pydantic_core import to_json

from serving.products.shelves import ProductShelf
from serving.ratings.desk import Desk


@lru_cache(maxsize=8)
def shelf_hash(shelf: ProductShelf) -> str:
    """SHA-256 of every product, tag and rule of a day."""
    parts = [
        [entry.code, entry.institution, version.model_dump(mode="json")]
        for entry, version in shelf.shelf.products
    ]
    tags = [tag.entry.model_dump(mode="json") for tag in shelf.tags.tags]
    conditions = [str(one) for one in shelf.shelf.matcher.conditions.conditions]
    whole = to_json([str(shelf.shelf.as_of_date), parts, tags, conditions])
    return hashlib.sha256(whole).hexdigest()


def versions_of(desk: Desk, shelf: ProductShelf, ranking: str = "") -> dict[str, object]:
    """Products, lake, model and order."""
    manifest = desk.bundle.manifest
    return {
        "shelf": shelf_hash(shelf),
        "lake_version": desk.stale.lake_version,
        "model": f"{manifest.name}@{manifest.version}",
        "bundle_id": desk.bundle.id,
        "ranking": ranking,
    }
