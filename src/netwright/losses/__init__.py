"""What is minimised: pure functions of (prediction, target), from logits.

Every loss gives one value an example, (n,); where an example has several targets or labels, their
losses are added, because the likelihood of independent targets is a product. Half precision is
raised to float32 first, so that values and gradients stay finite for scores of ±1e4.
"""
