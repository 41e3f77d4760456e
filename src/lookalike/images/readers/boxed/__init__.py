"""Read the formats whose files consist of boxes: HEIF, AVIF, JPEG 2000 and JPEG XL."""
