"""The record at the wire."""

from typing import Any

from pydantic import BaseModel, Field

from serving.audit.rows import Row


class LookAnswer(BaseModel):
    """One look on the record."""

    audit_id: int
    at: str = Field(description="Asia/Shanghai wall time.")
    actor_kind: str
    actor: str = Field(description="Id of the program or person; the platform knows who it is.")
    role: str
    tenant: str | None = Field(description="USCC of the institution or firm the actor is of.")
    action: str
    subject: str | None = Field(description="Pseudonym of the enterprise it was about.")
    purpose: str | None
    consents: list[str]
    fields: list[str] = Field(description="What the answer held.")
    result: str
    leaf_index: int | None = Field(
        description="Its leaf in the sealed record; null until it is sealed."
    )


class HeadAnswer(BaseModel):
    """The newest signed head, and the public keys that lead to its signature."""

    head: dict[str, Any]
    keys: list[dict[str, Any]]


def look_answer(row: Row) -> LookAnswer:
    """A row without what only the checker needs."""
    return LookAnswer(
        audit_id=row.audit_id,
        at=row.at,
        actor_kind=row.actor_kind,
        actor=row.actor,
        role=row.role,
        tenant=row.tenant,
        action=row.action,
        subject=row.subject,
        purpose=row.purpose,
        consents=row.consents,
        fields=row.fields,
        result=row.result,
        leaf_index=row.leaf_index,
    )
