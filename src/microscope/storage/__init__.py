"""What is kept: finished answers by content address."""
