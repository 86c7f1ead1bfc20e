"""Numbers of conditions read out with their unit, in Chinese and English.

What is short is rounded up and what is found is rounded away from the limit, so that no sentence says that
nothing is missing where something is.
"""

from collections.abc import Mapping
from functools import lru_cache
from math import ceil, floor

from features.contracts import Words
from features.rules.units import load_units

#: Decimals shown, and the part of the last one that is the computer's rounding and not the firm's.
_DECIMALS, _NOISE = 2, 1e-6
_SCALE = 10**_DECIMALS
_WAN, _YI = 10_000, 100_000_000
_YES, _NO = Words(zh="是", en="yes"), Words(zh="否", en="no")

#: -1 rounds down, 1 up, 0 to the nearest.
Rounding = int


@lru_cache(maxsize=4096)
def value_words(unit: str, value: float, rounding: Rounding = 0) -> Words:
    """A value with its unit.

    Examples
    --------
    >>> value_words("cny", 500000).zh, value_words("cny", 500000).en
    ('50 万元', 'CNY 500,000')
    >>> value_words("months", 24).en, value_words("months", 1).en, value_words("ratio", 0.7).zh
    ('24 months', '1 month', '70%')
    >>> value_words("cny", 499999, rounding=-1).zh
    '49.99 万元'
    """
    if unit == "number":
        # A code in digits counts nothing.
        return Words(zh=f"{value:.0f}", en=f"{value:.0f}")
    if unit == "ratio":
        share = _number(value * 100, rounding)
        return Words(zh=f"{share}%", en=f"{share}%")
    told = load_units().units[unit].told
    if unit in {"cny", "usd"}:
        return Words(
            zh=_chinese_money(value, told.zh, rounding), en=f"{told.en} {_number(value, rounding)}"
        )
    number = _number(value, rounding)
    is_counted = unit in {"days", "months"} and number != "1"
    en = f"{number} {told.en}{'s' if is_counted else ''}".strip()
    return Words(zh=f"{number} {told.zh}".strip(), en=en)


def fact_words(unit: str, codes: Mapping[str, Words], value: float | str) -> Words:
    """A fact as it is: yes or no, a code of its list, a number with its unit.

    Examples
    --------
    >>> fact_words("flag", {}, True).en, fact_words("cny", {}, 300000).zh
    ('yes', '30 万元')
    >>> fact_words("code", {"food": Words(zh="餐饮", en="food")}, "food").zh
    '餐饮'
    """
    if isinstance(value, str):
        return codes.get(value, Words(zh=value, en=value))
    if unit == "flag":
        return _YES if value else _NO
    return codes.get(f"{value:g}") or value_words(unit, value)


def difference_words(unit: str, difference: float) -> Words:
    """How far a value lies from a limit; shares differ by percentage points, scales by steps.

    Examples
    --------
    >>> difference_words("ratio", 0.75 - 0.7).zh, difference_words("ratio", 0.05).en
    ('5 个百分点', '5 percentage points')
    >>> difference_words("level", 1).zh, difference_words("level", 2).en
    ('1 级', '2 steps')
    """
    if unit == "ratio":
        points = _number(difference * 100, 1)
        return Words(zh=f"{points} 个百分点", en=f"{points} percentage points")
    if unit == "level":
        steps = _number(difference, 1)
        return Words(zh=f"{steps} 级", en=f"{steps} step{'' if steps == '1' else 's'}")
    return value_words(unit, difference, 1)


def _chinese_money(value: float, unit: str, rounding: Rounding) -> str:
    for size, name in ((_YI, "亿"), (_WAN, "万")):
        if abs(value) >= size:
            return f"{_number(value / size, rounding)} {name}{unit}"
    return f"{_number(value, rounding)} {unit}"


def _number(value: float, rounding: Rounding) -> str:
    scaled = value * _SCALE
    whole = round(scaled)
    if rounding and abs(scaled - whole) > _NOISE:
        whole = floor(scaled) if rounding < 0 else ceil(scaled)
    if rounding > 0 and value > 0:
        # A difference too small to show is still one.
        whole = max(whole, 1)
    units, rest = divmod(abs(whole), _SCALE)
    text = f"{'-' if whole < 0 else ''}{units:,}"
    return f"{text}.{rest:0{_DECIMALS}}".rstrip("0") if rest else text
