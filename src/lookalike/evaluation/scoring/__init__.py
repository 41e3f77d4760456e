"""From rankings to the figures of one encoder on one dataset, with what was left out and why."""
