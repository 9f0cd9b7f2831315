"""The peer of `bench/reports.py`: the same report taken by Django REST framework as it comes."""
