"""The demo city: a synthetic municipality whose systems deliver in their own native shapes."""

from musubi.city.making import CityReport, make_city

__all__ = ["CityReport", "make_city"]
