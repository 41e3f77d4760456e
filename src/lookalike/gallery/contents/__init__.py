"""What is in a gallery, without a query: its images, their values, thumbnails and duplicates, and its status."""
