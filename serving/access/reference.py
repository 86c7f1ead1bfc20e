"""The page that says who may do what, made from the policy."""

from serving.access.callers import Role
from serving.access.decision import Action, load_policy

_HEAD = """# Who may do what 访问权限

Made from `serving/access/policy.yaml` by `xinqiao docs`. A cell says how far a role reaches: *any* 全部,
*own firm* 本企业, *own institution* 本机构; empty is never. What anonymous callers may do, everybody may.
**consent** marks what an institution may do only under the enterprise's live consent. A client 客户端 is
an institution's program; it also needs the action among its permissions.

`tests/spec/access/` holds the same by endpoint, written by hand, and the service is tested against it.
"""


def access_page() -> str:
    """Roles by actions as Markdown."""
    roles = list(Role)
    lines = [
        _HEAD,
        f"| action | {' | '.join(roles)} | |",
        f"|---{'|---' * len(roles)}|---|",
    ]
    policy = load_policy()
    for action in Action:
        rule = policy[action]
        cells = [rule.roles.get(role, "").replace("_", " ") for role in roles]
        consent = "**consent**" if rule.consent else ""
        lines.append(f"| `{action}` | {' | '.join(cells)} | {consent} |")
    return "\n".join(lines) + "\n"
