"""Numbers that say where a track may be wrong: for every one, higher is more suspicious."""
