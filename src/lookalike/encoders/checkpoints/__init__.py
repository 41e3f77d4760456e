"""What a checkpoint is, read from its tensors and from the config files that its library wrote beside it."""
