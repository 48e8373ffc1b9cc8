"""Who may come in: people and their sign-ins, tablets and their pairing, machines and their tokens."""
