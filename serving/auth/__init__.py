"""Institutions, clients, people and sessions: who asks."""
