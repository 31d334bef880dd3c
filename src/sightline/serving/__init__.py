"""Serving: exported models asked over HTTP, on 127.0.0.1. Needs no torch."""
