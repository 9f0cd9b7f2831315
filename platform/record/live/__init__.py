"""The live layer: one socket per browser tab, one hub per process (DESIGN.md section 4)."""
