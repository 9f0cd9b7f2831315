"""What pages draw on the server: numbers as people read them, SVG figures, tables of Greeks."""
