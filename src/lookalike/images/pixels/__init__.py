"""From the samples of a file to 8-bit RGB in sRGB: which levels are black and white, transparency, colour profiles."""
