"""Writes assets/models/SHA256SUMS anew, after a change of the shipped model.

.venv/bin/python scripts/list_model_files.py
"""

from app.model_files import write_sums
from app.performer import MODELS

write_sums(MODELS)
