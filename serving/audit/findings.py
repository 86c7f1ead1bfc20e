"""What a verification can find, in words."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "keys_broken",
    "heads_broken",
    "head_forged",
    "head_chain",
    "heads_put_back",
    "heads_differ",
    "head_mismatch",
    "row_changed",
    "row_deleted",
    "row_skipped",
    "order_broken",
    "seal_missing",
    "seal_unexpected",
    "seals_truncated",
    "seals_unsigned",
    "tile_changed",
    "tile_missing",
    "tile_unexpected",
]

#: English and Chinese, with places for `leaf`, `audit_id` and `detail`.
WORDS: dict[Kind, tuple[str, str]] = {
    "keys_broken": (
        "The public keys do not endorse one another: {detail}.",
        "公钥未能逐一背书：{detail}。",
    ),
    "heads_broken": (
        "The signed heads cannot be read, or there are none: {detail}.",
        "签署的树头缺失或无法读取：{detail}。",
    ),
    "head_forged": (
        "A head was changed or signed by another key: {detail}.",
        "有树头被改动或由其他密钥签署：{detail}。",
    ),
    "head_chain": (
        "A head does not follow the one before it, so heads were removed, added or put in another order: {detail}.",
        "有树头与前一个不衔接，可能被删除、插入或调换：{detail}。",
    ),
    "heads_put_back": (
        "The heads do not end with the one signed last: {detail}.",
        "树头文件末尾不是最后签署的树头：{detail}。",
    ),
    "heads_differ": (
        "A copy of the heads holds other heads than these: {detail}.",
        "树头副本与本文件不一致：{detail}。",
    ),
    "head_mismatch": (
        "The seals do not hash to a signed head; something among leaves {detail} was changed together with its seal.",
        "封存记录与签署的树头不符：叶 {detail} 之间有记录连同封存一起被改动。",
    ),
    "row_changed": (
        "Row {audit_id} or its seal, leaf {leaf}, was changed.",
        "审计行 {audit_id} 或其封存记录（叶 {leaf}）被改动。",
    ),
    "row_deleted": (
        "Row {audit_id}, leaf {leaf}, was deleted.",
        "审计行 {audit_id}（叶 {leaf}）被删除。",
    ),
    "row_skipped": (
        "Row {audit_id} has no seal although the log is past it: it was put in afterwards, or its seal was deleted.",
        "审计行 {audit_id} 早于已封存位置却没有封存记录：系事后插入，或封存记录被删除。",
    ),
    "order_broken": (
        "Row {audit_id}, leaf {leaf}, stands before a row of an earlier transaction.",
        "审计行 {audit_id}（叶 {leaf}）的次序被打乱。",
    ),
    "seal_missing": ("Leaves {detail} have no seal.", "叶 {detail} 缺少封存记录。"),
    "seal_unexpected": (
        "Leaf {leaf} (row {audit_id}) is numbered below 0 or twice.",
        "叶 {leaf}（审计行 {audit_id}）编号重复或为负。",
    ),
    "seals_truncated": (
        "Signed leaves {detail} are gone: the log was cut or set back.",
        "已签署的叶 {detail} 已消失：日志被截断或回退。",
    ),
    "seals_unsigned": (
        "No head covers leaves {detail}: a sealer was stopped here, or somebody else wrote them. "
        "Run 'xinqiao audit seal', then verify again.",
        "叶 {detail} 没有树头覆盖：封存曾中断，或由他人写入。请运行 xinqiao audit seal 后再次核验。",
    ),
    "tile_changed": ("Tile {detail} was changed.", "哈希块 {detail} 被改动。"),
    "tile_missing": ("Tile {detail} is missing.", "哈希块 {detail} 缺失。"),
    "tile_unexpected": ("Tile {detail} should not be there.", "哈希块 {detail} 不应存在。"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was signed.

    Attributes
    ----------
    leaf, audit_id : int or None
        Where, as far as it can be told.
    detail : str
        A range `first..last`, a tile `level/index`, or the place in a file.
    """

    kind: Kind
    leaf: int | None = None
    audit_id: int | None = None
    detail: str = ""

    @property
    def en(self) -> str:
        """The finding in English."""
        return self._sentence(WORDS[self.kind][0])

    @property
    def zh(self) -> str:
        """The finding in Chinese."""
        return self._sentence(WORDS[self.kind][1])

    def _sentence(self, words: str) -> str:
        return words.format(leaf=self.leaf, audit_id=self.audit_id, detail=self.detail)


def leaves(first: int, end: int) -> str:
    """A range of leaves in words, `first..last`.

    Examples
    --------
    >>> leaves(3, 7)
    '3..6'
    """
    return f"{first}..{end - 1}"
