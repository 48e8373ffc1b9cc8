"""The workspace file and the session plan made from it: text and values only."""
