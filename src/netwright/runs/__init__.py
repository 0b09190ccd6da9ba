"""What happened: the record of a run."""
