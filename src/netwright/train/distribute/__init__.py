"""Several processes that train one network; the only room that touches `torch.distributed`."""
