"""One session: windows, stock, alert states, prompts, rundown, boards; pure, time is an argument."""
