"""One module an experiment: from a dataset and encoders to what was found."""
