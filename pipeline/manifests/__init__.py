"""Cohort manifests: found and checked, shown as a page, the terms of several joined."""
