"""Writes the table of error codes into docs/serving.md, between its two marks. A test tells when it must be run."""

from pathlib import Path

from liveface.app.server.refusals import table

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "serving.md"
BEGIN, END = "<!-- codes: scripts/list_error_codes.py -->\n", "<!-- end of codes -->\n"


def main() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}{table()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
