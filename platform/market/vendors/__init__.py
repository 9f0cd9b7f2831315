"""Live data of vendors, recorded as it comes."""
