"""The live page: runs, a run, a comparison, in a browser while they train.

`server` opens the port, `app` says which address shows what, `guard` who may ask, `folder` what lies within reach;
`table`, `run`, `compare`, `told`, `curves` and `streams` make the JSON. The pages are static: what a run says
reaches them as text only.
"""
