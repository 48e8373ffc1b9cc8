"""What leaves the house: the pump that empties the outbox, the senders of each platform, and their budgets."""
