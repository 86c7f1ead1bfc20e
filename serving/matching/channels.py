"""专栏: tags, products and policies that belong together."""

from models.channels.book import Channel, channels_on, load_channels
from models.policies.book import load_policies
from serving.look import Look
from serving.matching.schemas import ChannelAnswer, Wording


async def channel_answers(look: Look) -> list[ChannelAnswer]:
    """Every column of today."""
    day = look.now.date()
    shelf = await look.house.shelves.on(look.connection, day)
    products = [entry for entry, _ in shelf.shelf.products]
    return [_told(one) for one in channels_on(load_channels(), products, load_policies(), day)]


async def channel_answer(look: Look, code: str) -> ChannelAnswer | None:
    """One column; None if there is none of that code."""
    return next((one for one in await channel_answers(look) if one.code == code), None)


def channel_codes() -> frozenset[str]:
    """Codes of all columns."""
    return frozenset(entry.code for entry in load_channels().channels)


def _told(channel: Channel) -> ChannelAnswer:
    entry = channel.entry
    return ChannelAnswer(
        code=entry.code,
        words=Wording(zh=entry.words.zh, en=entry.words.en),
        about=Wording(zh=entry.about.zh, en=entry.about.en),
        tags=entry.tags,
        products=[one.code for one in channel.products],
        policies=[one.code for one in channel.policies],
    )
