"""Standard credit reports: what is held about a firm, as far as the asker may see it, numbered and provable."""
