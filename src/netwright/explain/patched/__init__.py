"""Many copies of a picture that differ in one box each, computed where they differ only."""
