"""What is minimised: pure functions of (prediction, target), from logits."""
