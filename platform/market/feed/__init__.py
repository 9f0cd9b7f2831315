"""The feed: takes minutes from a source, stores them, makes frame rows, tells the others."""
