"""Tags: what kind of firm this is, as dated rules, certificates or the firm's own word."""
