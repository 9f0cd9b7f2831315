"""Model fields: strict JSON, and text that lies encrypted in the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from record import secrets


class StrictEncoder(DjangoJSONEncoder):
    """JSON without NaN and Infinity; decimals become text, instants ISO 8601."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "allow_nan": False})

    def encode(self, o: Any) -> str:
        """Return `o` as JSON; raise ValueError for what PostgreSQL cannot keep."""
        text: str = super().encode(o)
        if "\\u0000" in text and "\x00" in _texts(o):
            raise ValueError("a text holds a NUL character, which cannot be stored")
        if "\\ud" in text and not _is_text(_texts(o)):
            raise ValueError("a text holds a lone surrogate, which cannot be stored")
        return text


def _texts(value: Any) -> str:
    """Return all texts inside a JSON value, joined."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return " ".join(f"{key} {_texts(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(map(_texts, value))
    return ""


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class StrictJSONField(models.JSONField):
    """JSONB that refuses, with a ValueError, what it could not give back unchanged."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options["encoder"] = StrictEncoder
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        """Leave the encoder out of migrations: it belongs to the field."""
        name, path, args, options = super().deconstruct()
        options.pop("encoder", None)
        return name, path, args, options


@dataclass(frozen=True, slots=True)
class Sealed:
    """A token as it lies in the database."""

    token: str


class _SealedAttribute(DeferredAttribute):
    """Opens the secret when it is first read, with the row's own identity."""

    field: EncryptedField

    def __get__(self, instance: Any, cls: type | None = None) -> Any:
        if instance is None:
            return self
        value = super().__get__(instance, cls)
        if isinstance(value, Sealed):
            value = secrets.decrypt(value.token, aad=self.field.aad(instance))
            instance.__dict__[self.field.attname] = value
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        # With this Python asks the descriptor even when the instance holds a value.
        instance.__dict__[self.field.attname] = value


class EncryptedField(models.TextField[Any, Any]):
    """Text that is encrypted in the database and bound to the row that holds it.

    `bind` names the attributes of the row that make up its identity (the owner, say): a token
    copied into another row does not open there. They must be set before saving and not change
    without setting the secret again. Rows are saved through instances; `update()` is refused,
    and so is filtering.
    """

    descriptor_class = _SealedAttribute

    def __init__(self, *args: Any, bind: tuple[str, ...] = (), **options: Any) -> None:
        self.bind = tuple(bind)
        super().__init__(*args, **options)

    def deconstruct(self) -> Any:
        """Keep `bind` in migrations."""
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "bind": self.bind}

    def aad(self, instance: models.Model) -> str:
        """Return the identity under which the secret of `instance` is sealed."""
        owner = "|".join(f"{name}={getattr(instance, name)}" for name in self.bind)
        return f"{self.model._meta.label_lower}.{self.name}|{owner}"

    def from_db_value(self, value: Any, *_: Any) -> Any:
        """Keep what the database holds sealed until somebody reads it."""
        return None if value is None else Sealed(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Return the token to store."""
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, Sealed):
            return value
        return Sealed(secrets.encrypt(value, aad=self.aad(model_instance)))

    def value_to_string(self, obj: Any) -> str:
        """Return the token: `dumpdata` and the like write no plain text."""
        sealed = self.pre_save(obj, False)
        return "" if sealed is None else str(sealed.token)

    def get_prep_value(self, value: Any) -> Any:
        """Return the token; plain text never passes."""
        if value is None:
            return None
        if isinstance(value, Sealed):
            return value.token
        raise TypeError(f"{self.name} is encrypted: save it through an instance")

    def get_lookup(self, lookup_name: str) -> Any:
        """Allow `isnull` only: equal secrets have different tokens."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None
