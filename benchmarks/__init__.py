"""Side-by-side measurements against the tools others would use."""
