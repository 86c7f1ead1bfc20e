"""Objections of a firm: to a record, to its rating, and its way out of a bad record."""
