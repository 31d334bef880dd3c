"""`make up` and `make down`: Prefect's server, workers and deployments, and the MLflow UI.

`environment` is what they run in, `processes` starts, marks and finds them, `registration` writes
work pools, deployments and automations to the server, `lifecycle` is up and down.
"""
