"""Exported models measured: how fast, beside torch, and what their answers are worth.

`run` measures what has no record yet, `measure` one model, `scenarios` is the clock. Nothing heavy
is imported here: a cold start is measured through this package.
"""
