"""Three tables: keys, bots, trades."""

from django.conf import settings
from django.db import models


class Key(models.Model):
    """An API key by its hash."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        app_label = "plain_drf"

    def __str__(self) -> str:
        return str(self.pk)


class Bot(models.Model):
    """Who reports."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    name = models.CharField(max_length=60)

    class Meta:
        app_label = "plain_drf"

    def __str__(self) -> str:
        return self.name


class Trade(models.Model):
    """One report."""

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT)
    client_trade_id = models.CharField(max_length=64)
    received_at = models.DateTimeField(auto_now_add=True)
    executed_at = models.DateTimeField(null=True)
    action = models.CharField(max_length=10)
    symbol = models.CharField(max_length=32)
    quantity = models.DecimalField(max_digits=30, decimal_places=12)
    price = models.DecimalField(max_digits=20, decimal_places=8)
    fee = models.DecimalField(max_digits=20, decimal_places=8, default=0)
    pnl = models.DecimalField(max_digits=24, decimal_places=8, null=True)

    class Meta:
        app_label = "plain_drf"
        constraints = [
            models.UniqueConstraint(fields=("bot", "client_trade_id"), name="peer_trade_once")
        ]

    def __str__(self) -> str:
        return self.client_trade_id
