"""Images: what is done at random to whole batches of uint8 images, on the device that trains."""
