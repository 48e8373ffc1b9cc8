"""The nouns of the control room: frozen values, no behaviour beyond their own consistency, no input or output."""
