"""Addresses of the pages of bots and of their rankings."""

from django.urls import path

from leaderboard import quick_start, views
from leaderboard.boards import views as boards
from leaderboard.trusting.views import make_appeal

app_name = "bots"
urlpatterns = [
    path("bots/", views.overview, name="home"),
    path("bots/create", views.create, name="create"),
    path("bots/<int:bot_id>/", views.bot, name="bot"),
    path("bots/<int:bot_id>/key", quick_start.make_key, name="key"),
    path("bots/<int:bot_id>/trades.csv", views.trades_csv, name="csv"),
    path("bots/<int:bot_id>/configure", views.configure, name="configure"),
    path("bots/<int:bot_id>/publish", views.publish, name="publish"),
    path("bots/<int:bot_id>/delist", views.delist, name="delist"),
    path("bots/<int:bot_id>/appeal/<int:pair_id>", make_appeal, name="appeal"),
    path("leaderboard/", boards.board, name="board"),
    path("leaderboard/board.csv", boards.board_csv, name="board_csv"),
    path("leaderboard/compare/", boards.compare, name="compare"),
    path("leaderboard/rules/", boards.rules, name="rules"),
    path("bots/reporter.py", views.reporter_file, name="reporter"),
]
