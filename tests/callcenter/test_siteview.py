"""What people read of a site's configuration."""

from __future__ import annotations

from callcenter.siteview import SiteView, wall_clock
from config.check import load_site
from config.settings import DEMO_SITE


def test_moments_in_reasons_are_told_by_the_sites_clock() -> None:
    """Who reads "in wrap-up until 10:31" looks at the clock on the wall, not at Greenwich's."""
    noon_utc = 1_795_521_600.0
    assert wall_clock("America/Toronto", noon_utc) == "07:00:00"
    site = load_site(DEMO_SITE)
    data = {"agents": 1, "wrap_up": 1, "wrap_up_until": noon_utc}
    said = SiteView(lambda: site).sentence("all-busy", data)
    assert "until 07:00:00" in said["en"]
    assert "07:00:00" in said["zh"]


def test_names_come_in_the_readers_language() -> None:
    """A Chinese timeline names queues and dispositions in Chinese."""
    site = load_site(DEMO_SITE)
    view = SiteView(lambda: site)
    assert view.name_of("queue", "sales", "zh") == "销售"
    assert view.name_of("disposition", "sale", "zh") == "成交"
    assert view.name_of("disposition", "sale") == "Sale"
    assert view.name_of("disposition", "gone long ago") == "gone long ago"
    assert view.name_of("agent", "chen", "en") == "陈静"
