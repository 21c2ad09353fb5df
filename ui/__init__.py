"""The desktop window: knows pictures and Qt, nothing of sound devices or networks."""
