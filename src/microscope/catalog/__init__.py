"""What can be run: model specifications, the file a researcher edits, and the discovery of checkpoints."""
