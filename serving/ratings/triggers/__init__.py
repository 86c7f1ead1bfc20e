"""Rating again for lenders what something has happened to, without their asking."""
