"""Consent: granted, narrowed, revoked, expired, used up."""
