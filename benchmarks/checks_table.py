"""Write the table of checks into docs/quality.md: ``python -m benchmarks.checks_table``.

Rows come from `schemas.checks` and `schemas.findings`, figures from docs/evidence/checks.json.
"""

from __future__ import annotations

import re
from typing import Any

from benchmarks.evidence import EVIDENCE, ROOT, read
from schemas.checks import CHECKS, CheckSpec
from schemas.findings import FINDINGS

__all__ = ["PAGE", "page", "table"]

PAGE = ROOT / "docs" / "quality.md"
_PLACE = re.compile(r"(?<=<!-- checks -->\n).*?(?=<!-- /checks -->)", re.DOTALL)
_HEAD = ("check", "finding", "is remarked on", "found", "false alarms", "Sleep-EDF", "MIT-BIH", "what to do")


def table(figures: dict[str, Any]) -> str:
    """Return the table in Markdown; without figures its columns of figures are empty.

    Parameters
    ----------
    figures : dict
        Of the campaign ``checks``, empty where it has not run.
    """
    rows = [_HEAD, ("---",) * len(_HEAD)]
    rows += [_row(name, spec, figures) for name, spec in CHECKS.items()]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _row(name: str, spec: CheckSpec, figures: dict[str, Any]) -> tuple[str, ...]:
    kind = FINDINGS[spec.code]
    unit = "" if spec.unit == "1" else f" {spec.unit}"
    return (
        f"`{name}`",
        f"{spec.code}, {kind.severity}: {kind.title}",
        f"{spec.measure} {spec.limit:g}{unit} ({spec.source})",
        _quoted(figures, "detected", name, "{:.2f}"),
        _quoted(figures, "false_alarm", name, "{:.3f}"),
        *(_real(figures, cohort, spec.code) for cohort in ("sleep_edf", "mitdb")),
        kind.fix,
    )


def _quoted(figures: dict[str, Any], what: str, name: str, form: str) -> str:
    if not figures:
        return ""
    return f"{form.format(figures[what][name])} <!-- evidence: checks.{what}.{name} -->"


def _real(figures: dict[str, Any], cohort: str, code: str) -> str:
    if not figures:
        return ""
    found = figures["real"][cohort]
    return f"{found[code]} <!-- evidence: checks.real.{cohort}.{code} -->" if code in found else "none"


def page(text: str) -> str:
    """Return the page with the table that belongs there now."""
    return _PLACE.sub(lambda _: table(read(EVIDENCE, "checks").get("figures", {})), text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
