"""What happens to all rows of an encoder at once.

They are brought in line with the database, replaced by another encoder's, or written anew without those that nothing
refers to any more.
"""
