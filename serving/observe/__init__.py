"""What the service says of itself: logs, counts, health; never about whom."""
