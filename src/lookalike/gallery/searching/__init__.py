"""Search a gallery: embed the terms of a query, rank what the store finds, and calibrate how close hits are."""
