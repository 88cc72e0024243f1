"""The table as the README shows it."""

from __future__ import annotations

from handler.web.parameters.table import TABLE, rows


def markdown() -> str:
    """Give a Markdown table of every parameter."""
    lines = ["| parameter | give | default |", "|---|---|---|"]
    for row in rows(TABLE):
        default = f"`{row.default}`" if row.default else "–"
        lines.append(f"| `{row.name}` | {row.kind.words} | {default} |")
    return "\n".join(lines)
