"""Classical models beside a network, on the same examples and by the same figures."""
