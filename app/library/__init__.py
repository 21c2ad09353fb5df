"""The face as a part of somebody else's program: what `from liveface import ...` gives."""
