"""Batched augmentation on the device, told again by (seed, sample, epoch)."""
