"""People: who they are, what they are to the platform, and their sessions."""
