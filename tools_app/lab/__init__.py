"""What the labs share: who may ask, how far the work is, pages and REST around it."""
