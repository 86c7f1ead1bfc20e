"""The service: who asks, consent, the answer and its record, in one transaction."""
