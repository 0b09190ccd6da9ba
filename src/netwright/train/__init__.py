"""The loop, snapshots, schedules, optimisers, observers."""
