"""The one door: identity, bounds, time stamps, and which session a record or a command belongs to."""
