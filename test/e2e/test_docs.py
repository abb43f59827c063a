"""The pages of doc/ that come from tables are what the tables say."""
import pytest

from conftest import ROOT


@pytest.mark.parametrize("page, topic", [("controls.md", ["controls"]), ("events.md", ["events"]), ("records.md", ["records"])])
def test_page_is_the_table(moat, page, topic):
    assert moat("help", *topic).out == (ROOT / "doc" / page).read_text()
