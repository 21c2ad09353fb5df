"""Writes assets/models/SHA256SUMS anew, after a change of the shipped model.

.venv/bin/python scripts/list_model_files.py
"""

from liveface.app.files.model_files import write_sums
from liveface.app.session.pipeline import MODELS

write_sums(MODELS)
