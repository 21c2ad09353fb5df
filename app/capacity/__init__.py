"""How many faces a machine can draw: scheduler, admission, session pool, latency budget."""
