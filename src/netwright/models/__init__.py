"""What is built: pure networks that have never heard of targets or losses."""
