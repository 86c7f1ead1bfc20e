"""Loan products: institutions publish them, the platform reviews them, a day's shelf is compiled once."""
