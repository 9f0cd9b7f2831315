"""Static files with content hashes in their names, JavaScript imports included."""

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class ModuleManifestStorage(ManifestStaticFilesStorage):
    """Rewrites the relative imports of ES modules to the hashed names."""

    support_js_module_import_aggregation = True
    manifest_strict = False
