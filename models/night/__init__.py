"""The nightly whole: every firm's features once, then ratings, matches and the watch from them."""
