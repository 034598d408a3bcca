"""Les adresses annoncées."""

from server.advertise import ROUTES, endpoints, public_hosts


def test_given_hosts_win() -> None:
    assert public_hosts(("gpu.example", "10.0.0.5"), "0.0.0.0") == ("gpu.example", "10.0.0.5")


def test_a_precise_bind_is_shown_as_it_is() -> None:
    assert public_hosts((), "127.0.0.1") == ("127.0.0.1",)


def test_a_wide_bind_shows_an_address_one_can_type() -> None:
    [host] = public_hosts((), "0.0.0.0")
    assert host not in ("0.0.0.0", "::") and host.count(".") == 3


def test_every_route_is_told_for_every_host() -> None:
    found = endpoints(("a", "::1"), 9000)
    assert len(found) == 2 * len(ROUTES)
    urls = {endpoint.url for endpoint in found}
    assert "http://a:9000/v1/chat/completions" in urls and "http://[::1]:9000/v1/models" in urls
