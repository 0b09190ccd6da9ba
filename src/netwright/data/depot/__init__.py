"""Real data sets and pretrained weights, fetched, verified and kept."""
