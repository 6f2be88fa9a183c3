"""To the archives: what is sent when, what each answer means, and the proof that follows."""
