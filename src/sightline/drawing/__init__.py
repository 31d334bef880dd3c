"""Drawing: charts, sheets of images, and the folder that keeps them. Knows no model and no task."""
