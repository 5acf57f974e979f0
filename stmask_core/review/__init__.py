"""Why did it fail: diagnostics, events worst first, comparison with the truth. Numbers, no widgets."""
