"""The synthetic cohort: what a download would look like, with the truth beside it."""

from pipeline.synth.cohort import PlantedFault, SynthReport, synthesise
from pipeline.synth.recipe import load_recipe, recipe_names

__all__ = ["PlantedFault", "SynthReport", "load_recipe", "recipe_names", "synthesise"]
