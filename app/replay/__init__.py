"""Other drivers of the same door: recordings, and the sample livestream."""
