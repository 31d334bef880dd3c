"""Host: what stages share of a machine: processes, locks, processors, GPUs."""
