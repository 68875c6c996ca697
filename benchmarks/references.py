"""Make the references that cohorts are compared with: ``python -m benchmarks.references [RECIPE ...]``.

Made-up nights of a recipe are synthesised, converted and aggregated to ``pipeline/drift/references/RECIPE.json``:
what the numbers of a clean cohort are. Again when the numbers of `pipeline.drift.measures` change their meaning.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.evidence import ROOT
from benchmarks.measure import run

__all__ = ["make_reference"]

N_NIGHT, HOURS, SEED = 12, 8.0, 8


def main() -> None:
    from pipeline.synth import recipe_names

    parser = argparse.ArgumentParser(description="Make the references that cohorts are compared with.")
    parser.add_argument("recipes", nargs="*", default=recipe_names())
    for recipe in parser.parse_args().recipes:
        with tempfile.TemporaryDirectory() as folder:
            found = make_reference(Path(folder), recipe, n_night=N_NIGHT, hours=HOURS)
        path = ROOT / "pipeline" / "drift" / "references" / f"{recipe}.json"
        path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        print(f"{path.relative_to(ROOT)}: {len(found['spreads'])} numbers of {found['n_recording']} nights")


def make_reference(folder: Path, recipe: str, *, n_night: int, hours: float) -> dict[str, Any]:
    """Return the aggregates of made-up nights."""
    from pipeline.catalog.build import current
    from pipeline.drift.reference import reference_of
    from pipeline.synth import synthesise
    from pipeline.write.ledger import read_ledger

    root, out = folder / "download", folder / "out"
    synthesise(root, recipe=recipe, nights=n_night, hours=hours, seed=SEED)
    run(["-m", "flows.cli", "convert", recipe, "--root", str(root), "--out", str(out)])
    catalog = current(out, read_ledger(out))
    text = f"clean made-up nights of {hours:g} h, as the recipe {recipe} makes them"
    return reference_of(catalog.recordings, catalog.channels, name=f"made-up {recipe}", text=text).to_json()


if __name__ == "__main__":
    main()
