"""Batches by position: from memory, through workers, from a foreign loader, side by side."""
