"""API pull 接口调用: ask a provider's endpoint about firms that consented, and land sound answers."""
