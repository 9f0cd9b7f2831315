"""The tools: contract, library, evaluation, signals."""
