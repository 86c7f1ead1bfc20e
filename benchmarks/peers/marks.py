"""Words that our side and the peers must spell alike; loads nothing."""

#: Column of the outcome in a peer's table.
OUTCOME = "__outcome__"
