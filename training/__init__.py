"""Cohorts, folds, fitting and validation; writes bundles, imports no serving code."""
