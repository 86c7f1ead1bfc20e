"""Loans as institutions report them: granted, paid month by month, closed, guaranteed."""
