"""Settings: params.yaml and the catalogues as validated, typed objects."""
