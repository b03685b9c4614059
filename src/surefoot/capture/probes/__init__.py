"""What hears the events of a training, one file a kind of fact; no probe asks another."""
