"""Who may do what: roles, actions and the one function that decides."""
