"""Long work beside the window: one generator, one lane, one door back."""
