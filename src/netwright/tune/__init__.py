"""Search: what to try next, of architectures and whatever else can be listed."""
