"""Many terminals at once, at protocol level: selling, spending, taking back, going offline; no point is lost."""
