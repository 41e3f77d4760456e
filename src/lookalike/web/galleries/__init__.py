"""The galleries that are served: open, followed, watched, and the files of their images."""
