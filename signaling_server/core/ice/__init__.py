"""Whether the configured STUN and TURN servers answer: messages, questions, schedule, verdict."""
