"""Shows a run: `json` for programs, `text` for the terminal, `html` for a page to send.

Each takes a `History` and its findings; none reads a file of the run or judges anything.
"""
