"""The Models tab: where every checkpoint is now, what happened lately, and the owner's buttons."""
