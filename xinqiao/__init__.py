"""The command `xinqiao`: the one room that may import all others."""
