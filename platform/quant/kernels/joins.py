"""How two windows are joined to one. Apart, so that naming one loads no compiler."""

ADD, MAXIMUM, MINIMUM, LATEST, EARLIEST = range(5)
