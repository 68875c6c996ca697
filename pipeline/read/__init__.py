"""Readers: one file a format, never one a cohort; the only place that knows bytes on disk."""
