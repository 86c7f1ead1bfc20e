"""Loan products as dated data: whom they are for, and what limit, rate and term they give."""
