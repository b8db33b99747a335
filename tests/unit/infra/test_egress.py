"""The fixed address, and who leaves by it."""

from __future__ import annotations

from ipaddress import ip_network

from fluxfloor.topology import STAGES

from infra.egress import RANGE, addresses_needed

VENUE_STAGES = {stage.name for stage in STAGES.values() if stage.uses_venue or stage.uses_market_data}


def joined(floor):
    return {each["name"] for each in floor.of("cloudrunv2/service:Service") if each["template"].get("vpcAccess")}


def test_without_the_setting_there_is_no_network_and_nothing_to_pay(paper):
    assert joined(paper) == set()
    for kind in ("Network", "Subnetwork", "Router", "RouterNat", "Address"):
        assert not paper.of(kind)


def test_with_it_only_the_stages_that_talk_to_a_venue_join(live):
    assert joined(live) == VENUE_STAGES == {"market", "execution", "reconciliation"}


def test_all_of_their_traffic_leaves_by_the_one_address(live):
    for stage in VENUE_STAGES:
        access = live.one(f"service-{stage}")["template"]["vpcAccess"]
        assert access["egress"] == "ALL_TRAFFIC"
        assert access["networkInterfaces"][0]["subnetwork"] == "venue-subnetwork-id"
    (nat,) = live.of("RouterNat")
    assert nat["natIpAllocateOption"] == "MANUAL_ONLY"
    assert len(nat["natIps"]) == 1
    assert nat["subnetworks"][0]["name"] == "venue-subnetwork-id"


def test_google_s_own_apis_are_reached_without_the_gateway(live):
    assert live.one("venue-subnetwork")["privateIpGoogleAccess"] is True


def test_the_range_has_room_for_every_instance():
    assert ip_network(RANGE).num_addresses - 4 >= addresses_needed()
