"""REST routes of the bots."""

from django.urls import path, register_converter

from leaderboard import api, trade_api
from leaderboard.converters import DayConverter
from leaderboard.ranking import api as boards
from leaderboard.trusting.api import BotAppeals

register_converter(DayConverter, "day")

urlpatterns = [
    path("bots/<int:bot_id>/trade", trade_api.BotTrade.lean_view(), name="api-bot-trade"),
    path("bots/<int:bot_id>/trades", trade_api.BotTrades.as_view(), name="api-bot-trades"),
    path("leaderboard", boards.Leaderboard.as_view(), name="api-leaderboard"),
    path("bots", api.BotList.as_view(), name="api-bots"),
    path("bots/register", api.BotRegister.as_view(), name="api-bot-register"),
    path("bots/import", api.BotImport.as_view(), name="api-bot-import"),
    path("bots/heads", trade_api.HeadDays.as_view(), name="api-bot-head-days"),
    path("bots/heads/<day:day>", trade_api.HeadsOfDay.as_view(), name="api-bot-heads"),
    path("bots/<int:bot_id>", api.BotDetail.as_view(), name="api-bot"),
    path("bots/<int:bot_id>/delist", api.BotDelist.as_view(), name="api-bot-delist"),
    path("bots/<int:bot_id>/config", api.BotConfig.as_view(), name="api-bot-config"),
    path(
        "bots/<int:bot_id>/config/export",
        api.BotConfigExport.as_view(),
        name="api-bot-config-export",
    ),
    path(
        "bots/<int:bot_id>/config/changes",
        api.BotConfigChanges.as_view(),
        name="api-bot-config-changes",
    ),
    path("bots/<int:bot_id>/heartbeat", api.BotHeartbeat.as_view(), name="api-bot-heartbeat"),
    path("bots/<int:bot_id>/metrics", api.BotMetrics.as_view(), name="api-bot-metrics"),
    path(
        "bots/<int:bot_id>/performance",
        trade_api.BotPerformance.as_view(),
        name="api-bot-performance",
    ),
    path("bots/<int:bot_id>/appeals", BotAppeals.as_view(), name="api-bot-appeals"),
    path("bots/<int:bot_id>/standings", boards.BotStandings.as_view(), name="api-bot-standings"),
    path("bots/<int:bot_id>/verify", trade_api.BotVerify.as_view(), name="api-bot-verify"),
]
