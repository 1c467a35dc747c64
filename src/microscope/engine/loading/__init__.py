"""Getting a checkpoint into memory without copies, and without harming anyone else's work; knows no cache."""
