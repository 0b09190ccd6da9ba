"""Networks that other libraries keep."""
