"""Data shipped with the program: models, portraits, a speech sample and icons."""
