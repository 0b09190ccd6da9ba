"""What goes in: data sets, splits, batches, preprocessing, augmentation."""
