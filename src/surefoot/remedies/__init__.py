"""Fixes that can be tried from outside of a script: each applied by hooks, none by an edit."""
