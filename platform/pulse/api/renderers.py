"""JSON that never holds NaN or Infinity."""

from collections.abc import Mapping
from typing import Any

import orjson
from rest_framework.renderers import JSONRenderer


class FiniteJSONRenderer(JSONRenderer):
    """Renders with orjson, which writes null for a float that is not finite."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return `data` as JSON bytes."""
        if data is None:
            return b""
        return orjson.dumps(
            data, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
        )
