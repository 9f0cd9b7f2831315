"""Trading while processes are killed at random, and the proof that nothing was lost or doubled."""
