"""Assembly: from what a person asks for to a trained, judged and recorded run."""
