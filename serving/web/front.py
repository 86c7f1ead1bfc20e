"""What anybody may read: what this is, and how a rating is made 算法公示."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from fastapi import Request
from fastapi.responses import HTMLResponse

from features.contracts import Words
from features.definitions import REGISTRY
from features.errors import XinqiaoError
from features.registry import Feature
from models.manifest import Manifest
from models.reasons import load_reasons
from models.scale import load_scale
from serving.access.decision import Action, Resource
from serving.door import asks
from serving.look import CurrentLook, Look
from serving.web.site import Pages, page

door = Pages("")


@dataclass(frozen=True)
class Family:
    """Features that are explained under one reason."""

    code: str
    title: Words
    features: Sequence[Feature]

    @property
    def datasets(self) -> list[str]:
        """What they read."""
        return sorted({name for feature in self.features for name in feature.datasets})


@door.get("/", response_model=None)
@asks(Action.SERVICE_READ)
async def read_front(look: CurrentLook, request: Request) -> HTMLResponse:
    """What this is and whom it serves."""
    await look.allow(Resource())
    return page(look, request, "front.html")


@door.get("/how", response_model=None)
@asks(Action.SERVICE_READ)
async def read_how(look: CurrentLook, request: Request) -> HTMLResponse:
    """How a rating is made, in the words a firm needs to check one."""
    await look.allow(Resource())
    manifest = await _model(look)
    return page(
        look,
        request,
        "how.html",
        families=families(),
        scale=load_scale(),
        model=manifest,
        read=_read(manifest),
    )


@cache
def families() -> Sequence[Family]:
    """Every feature there is, by the reason it is explained under."""
    groups = load_reasons().groups
    grouped: dict[str, list[Feature]] = {}
    for feature in REGISTRY:
        grouped.setdefault(feature.group, []).append(feature)
    return [Family(code, groups[code].title, grouped[code]) for code in sorted(grouped)]


async def _model(look: Look) -> Manifest | None:
    try:
        return (await look.house.desks.desk(look.now)).bundle.manifest
    except XinqiaoError:
        return None


def _read(manifest: Manifest | None) -> Mapping[str, float]:
    """Features the serving model reads, with the part each plays in it."""
    used = [] if manifest is None else [one for one in manifest.features if one.gain > 0]
    return {one.name: one.gain for one in used}
