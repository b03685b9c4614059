"""Doors into the loops of other libraries, one file each; each is an optional extra."""
