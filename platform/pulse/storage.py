"""Static files with content hashes in their names, our JavaScript's imports included."""

from __future__ import annotations

from typing import Any

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage

OWN_MODULES = "js/"


class ModuleManifestStorage(ManifestStaticFilesStorage):
    """Rewrites the relative imports of our ES modules to the hashed names.

    Other packages' scripts are left as they are: some hold the word `import` in text or in paths
    that only their bundler knows.
    """

    support_js_module_import_aggregation = True
    max_post_process_passes = 10  # more than the longest chain of imports
    manifest_strict = False

    def url_converter(  # type: ignore[override]
        self, name: str, hashed_files: Any, template: Any = None
    ) -> Any:
        """Return the converter of one file's addresses."""
        if name.endswith((".js", ".mjs")) and not name.startswith(OWN_MODULES):
            return lambda match: match["matched"]
        return super().url_converter(name, hashed_files, template)
