"""What a person writes of who may come in, and what a description says of it: taken for what it is, or refused."""

import string
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproof.errors import CloudError, SettingsError
from pgproof.rds.firewall.address import discover_address, read_address
from pgproof.rds.firewall.label import Label, check_name, find_end, read_label
from pgproof.rds.firewall.person import ask_name
from tests.rds import make_stubs

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)

HOSTILE = [
    "",
    " ",
    "/32",
    "0.0.0.0/0",
    "::/0",
    "0.0.0.0",  # noqa: S104 - nothing listens there
    "8.8.4.4/0",
    "8.8.4.4/31",
    "8.8.4.4/032",
    "8.8.4.4/255.255.255.255",
    "8.8.4.4/",
    "8.8.4.4/32/32",
    " 8.8.4.4",
    "8.8.4.4\n",
    "8.8.4.4\x00",
    "08.8.4.4",
    "8.8.4",
    "134743044",
    "0x08080404",
    "٨.8.4.4",
    "8.8.4.4,9.9.9.9/32",
    "2600::1/64",
    "2600::1%eth0",
    "[2600::1]",
    "$(touch x)",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::8.8.4.4",
    "::ffff:8.8.4.4",
    "64:ff9b::808:404",
    "fe80::1",
    "fec0::1",
    "fd00::1",
    "ff0e::1",
    "2001::1",
    "2001:db8::1",
    "2002:808:404::1",
    "3fff::1",
    "5f00::1",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_not_one_address_of_the_internet_is_refused_in_one_line(text: str):
    with pytest.raises(SettingsError) as error:
        read_address(text)

    assert error.value.what.isprintable()
    assert "one address such as" in error.value.hint


@given(
    st.one_of(
        st.ip_addresses().map(str),
        st.tuples(st.ip_addresses(), st.integers(0, 130)).map(lambda each: f"{each[0]}/{each[1]}"),
        st.text(alphabet=string.hexdigits + ".:/% \n", max_size=24),
        st.integers(0x20000000, 0x3FFFFFFF).map(lambda each: f"{IPv6Address(each << 96)}/128"),
    )
)
def test_nothing_but_one_global_address_ever_gets_into_a_request(text: str):
    try:
        address = read_address(text)
    except SettingsError:
        return
    network = ip_network(address.cidr)
    assert network.num_addresses == 1
    assert network.is_global
    assert not network.is_multicast
    assert text.partition("/")[0].strip() == text.partition("/")[0]
    assert ip_address(text.partition("/")[0]) == network.network_address


@given(st.ip_addresses(v=4).filter(lambda each: each.is_global and not each.is_multicast and not each.is_reserved))
def test_every_address_of_the_internet_is_taken_for_what_it_is(value: IPv4Address):
    assert read_address(str(value)).cidr == read_address(f"{value}/32").cidr == f"{value}/32"


def test_an_ipv6_address_is_written_as_aws_writes_it():
    assert read_address("2600:0:0:0:0:0:0:AB").cidr == "2600::ab/128"


def test_the_address_that_aws_sees_is_taken():
    assert discover_address(lambda: b"8.8.4.4\n") == read_address("8.8.4.4")
    assert discover_address(lambda: b"2600::1\n").cidr == "2600::1/128"


@pytest.mark.parametrize(
    "answer", [b"", b"<html>", b"10.0.0.1\n", b"0.0.0.0/0", b"\xff", b"\x1b[31m8.8.4.4", b"8" * 99]
)
def test_an_answer_that_is_no_address_of_the_internet_is_not_taken(answer: bytes):
    with pytest.raises(CloudError) as error:
        discover_address(lambda: answer)

    assert error.value.hint == "say it: --ip=ADDRESS"
    assert error.value.what.isprintable()


def test_no_answer_is_told_and_what_to_do():
    def fail() -> bytes:
        raise TimeoutError("timed out")

    with pytest.raises(CloudError, match="was not reached: timed out") as error:
        discover_address(fail)

    assert error.value.hint == "say it: --ip=ADDRESS"


@given(st.from_regex(r"[A-Za-z0-9_./@+=,:-]{1,128}", fullmatch=True), st.datetimes(timezones=st.just(UTC)))
def test_a_label_is_read_as_it_was_written(who: str, until: datetime):
    label = Label(who, until.replace(year=2028, second=0, microsecond=0))

    assert read_label(str(label)) == label
    assert len(str(label)) < 255
    assert set(str(label)) <= set(string.ascii_letters + string.digits + " ._-:/()#,@[]+=&;{}!$*")


@pytest.mark.parametrize(
    "description",
    [
        "",
        "andrew",
        "pgproof",
        "pgproof andrew",
        "pgproof  until 2026-11-26T20:00Z",
        "pgproof andrew until 2026-11-26T20:00",
        "pgproof andrew until 2026-02-31T20:00Z",
        "pgproof andrew until 2026-11-26T20:00Z ",
        "pgproof andrew until 2026-11-26T20:00Z\n",
        " pgproof andrew until 2026-11-26T20:00Z",
        "Pgproof andrew until 2026-11-26T20:00Z",
        "pgproof andrew until ٢٠٢٦-11-26T20:00Z",
        "pgproof andrew brown until 2026-11-26T20:00Z",
        "pgproof applications",
    ],
)
def test_what_is_nearly_a_label_is_not_ours(description: str):
    assert read_label(description) is None


@pytest.mark.parametrize("name", ["", " ", "an drew", "andrew\n", "o'hara", 'a"b', "Zoë", "\x1b[31m", "a;b", "a" * 129])
def test_a_name_that_no_description_can_bear_is_refused(name: str):
    with pytest.raises(SettingsError, match="a rule cannot bear the name"):
        check_name(name)


def test_a_rule_ends_at_a_whole_minute_and_not_before_its_time():
    end = find_end(timedelta(minutes=30), NOW + timedelta(seconds=1))

    assert f"{end:%H:%M:%S}" == "12:31:00"


@pytest.mark.parametrize(
    ("tail", "name"),
    [
        ("iam::123456789012:user/andrew", "user/andrew"),
        ("iam::123456789012:user/team/andrew", "user/team/andrew"),
        ("iam::123456789012:root", "root"),
        ("sts::123456789012:assumed-role/Admin/andrew@example.com", "andrew@example.com"),
        ("sts::123456789012:federated-user/andrew", "federated-user/andrew"),
    ],
)
def test_a_person_is_who_the_credentials_say(tail: str, name: str):
    stubs = make_stubs()
    stubs.sts.add_response("get_caller_identity", {"Arn": f"arn:aws:{tail}"}, {})

    assert ask_name(stubs.cloud) == name


@pytest.mark.parametrize("session", ["botocore-session-1764158400", "AWSCLI-Session", "aws-sdk-js-1764158400"])
def test_a_session_without_a_name_is_nobody(session: str):
    stubs = make_stubs()
    stubs.sts.add_response("get_caller_identity", {"Arn": f"arn:aws:sts::1:assumed-role/Admin/{session}"}, {})

    with pytest.raises(CloudError, match="nobody's name") as error:
        ask_name(stubs.cloud)

    assert "--name=andrew" in error.value.hint
