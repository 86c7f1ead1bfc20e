"""The service describes itself: OpenAPI, its page, and what every problem means."""
