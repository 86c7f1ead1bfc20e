"""Codes of enterprises, before anything about them is kept for the lake."""

from features.identifiers import uscc_is_valid
from serving.errors import ConflictError


def require_code(uscc: str) -> None:
    """Refuse a code the lake would reject: what is kept under it could never get there.

    Raises
    ------
    ConflictError
        If it is no unified social credit code.
    """
    if not uscc_is_valid([uscc], strict=True)[0]:
        raise ConflictError(
            en="The enterprise's unified social credit code is not valid, so nothing stated about it can be "
            "shared with the registry. Correct it first.",
            zh="企业统一社会信用代码校验不通过，相关信息无法同步至数据湖，请先更正。",
            details={"rule": "uscc"},
        )
