"""From raw inputs to the numbers a network takes; fitted on the training split only."""
