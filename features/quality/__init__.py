"""How good the delivered data are: what came, when, how complete, and where sources disagree."""
