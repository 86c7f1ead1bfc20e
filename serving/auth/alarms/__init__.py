"""Alarms: who looked at more strangers than its work can need."""
