"""Conversion and training as commands; the command line."""
