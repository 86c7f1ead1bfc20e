"""The way up 信用培植, for the firm itself."""
