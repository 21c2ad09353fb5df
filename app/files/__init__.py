"""Files that are read and written: media, models, and whole ones only."""
