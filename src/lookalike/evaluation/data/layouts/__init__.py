"""How labels are given: by a file, by the names of folders or files, in one spelling, in the folders of a split."""
