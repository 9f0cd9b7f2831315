"""Pages of the whole platform before there is anything to show."""

import pytest
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/dashboard/", "/exposure/", "/chain/"])
def test_a_page_without_a_market_looks_again_by_itself(client: Client, path):
    client.force_login(User.objects.create_user("pro@test.example", plan="pro"))
    answer = client.get(path)
    assert answer.status_code == 200
    assert int(answer["Refresh"]) <= 5
    assert "No market data yet" in answer.content.decode()
