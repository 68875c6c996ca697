"""Cohort manifests that ship with sleep2vec, one YAML file each."""
