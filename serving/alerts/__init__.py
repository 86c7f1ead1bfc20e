"""Warnings about running loans: kept per institution, pushed, acknowledged, handled, closed with an outcome."""
