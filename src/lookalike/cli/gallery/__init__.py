"""Commands that say what is in a gallery, add to it and take from it."""
