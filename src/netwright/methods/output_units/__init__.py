"""What stands between a network's raw scores and the target: loss, answer, prior and metrics."""
