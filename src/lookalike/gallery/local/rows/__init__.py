"""The rows of a gallery: the vectors of each encoder, and the records that say whose they are."""
