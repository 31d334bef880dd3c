"""Report: what people read about all models: a table, and an HTML page for each dataset."""
