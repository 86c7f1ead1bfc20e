"""The one rule language: three-valued conditions on features and facts, dated, compiled once."""
