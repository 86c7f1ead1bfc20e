"""What firms need, which products they apply for, and what lenders answer within which time."""
