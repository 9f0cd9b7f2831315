"""The trust queue: bots of different owners that trade alike, found, shown, judged, appealed."""
