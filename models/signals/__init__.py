"""Early-warning signals 预警信号: dated rules with levels, asked of every borrower."""
