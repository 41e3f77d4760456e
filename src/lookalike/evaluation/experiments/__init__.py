"""One module per experiment: datasets and encoders in, a result object out.

Nothing here prints or writes reports. ``published`` has the values that the method was published with.
"""
