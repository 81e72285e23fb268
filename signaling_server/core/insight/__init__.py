"""What a negotiation looks like from here, and what is wrong with it."""
