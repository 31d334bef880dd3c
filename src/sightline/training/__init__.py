"""Training: torch and numpy only, so that it runs on a bare GPU machine."""
