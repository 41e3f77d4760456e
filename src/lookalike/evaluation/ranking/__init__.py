"""The exact ranking of a gallery for many queries, ties in an order that is drawn, and near copies."""
