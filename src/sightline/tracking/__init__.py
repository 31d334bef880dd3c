"""Tracking: trained models as MLflow runs and registered models, written from files that DVC holds.

`locked_results` is what there is to write, `store` where to, `connection`, `run` and `registry`
write it, `ui` shows it. No other package imports mlflow.
"""
