"""Small real trainings that have what a rule names, each beside its healthy twin."""
