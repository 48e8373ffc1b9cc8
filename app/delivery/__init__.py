"""Messages to chat groups: the outbox pump, its senders and budgets."""
