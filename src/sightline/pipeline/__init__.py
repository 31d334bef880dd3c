"""Pipeline: the DVC stage graph: what there is, what is out of date, copies of a workspace."""
