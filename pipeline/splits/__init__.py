"""Splits: who is for training and who is not, by a rule, kept as text."""

from pipeline.splits.persons import (
    Person,
    Splits,
    check_no_leak,
    check_splits,
    make_splits,
    read_splits,
    shared_between,
    write_splits,
)

__all__ = [
    "Person",
    "Splits",
    "check_no_leak",
    "check_splits",
    "make_splits",
    "read_splits",
    "shared_between",
    "write_splits",
]
