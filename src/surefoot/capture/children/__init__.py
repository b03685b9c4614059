"""Processes that an observed script starts: they find out by themselves that they are to be observed.

parent.py   leaves word: in the environment, and in what multiprocessing hands to its children
site/       a `sitecustomize` that waits for torch, in whatever Python is started
child.py    begins an observation at the first sign of a training, and ends it with the process
"""
