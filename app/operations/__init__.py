"""What a person does from the command line: done in the running server, or beside it when none runs."""
