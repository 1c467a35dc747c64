"""The Evaluate tab: a set of items through several checkpoints, and whether the difference is real."""
