"""What a training does, as short-lived records, and who hears of it."""
