"""Any table: read, told apart, split, encoded and searched for leaks before a model learns from it."""
