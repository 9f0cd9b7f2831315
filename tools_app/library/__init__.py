"""The tools, one file per family. `tools_app.registry` finds every `Tool` in here by itself."""
