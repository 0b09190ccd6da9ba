"""How the losses of several tasks become the one that a network learns by."""
