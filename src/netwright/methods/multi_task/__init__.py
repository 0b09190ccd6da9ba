"""Several targets learned by one network."""
