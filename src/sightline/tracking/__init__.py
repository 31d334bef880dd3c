"""Tracking: trained models as MLflow runs and registered models, written from files that DVC holds.

`record` says what there is to write, `store` where to, `runs` writes it (the only importer of
mlflow), `ui` shows it.
"""
