"""One fixed address for the stages that talk to a venue, so that its allow-list can name it."""

from __future__ import annotations

import pulumi
import pulumi_gcp as gcp
from fluxfloor.topology import STAGES, StageSpec

from infra import names
from infra.stack import Stack

RANGE = "10.8.0.0/24"


def leaves_by_it(stage: StageSpec) -> bool:
    return stage.uses_venue or stage.uses_market_data


def static_egress(stack: Stack, ready: pulumi.ResourceOptions) -> gcp.compute.Subnetwork | None:
    """The subnetwork those services join, None when the stack asked for none.

    Direct VPC egress costs nothing while nothing runs, which a connector's machines do. Google's own APIs are reached
    privately, so only the venue's traffic is counted by the gateway.
    """
    if not stack.static_egress:
        return None
    network = gcp.compute.Network(
        "venue-network",
        name=names.checked("network", "fluxfloor"),
        project=stack.project,
        auto_create_subnetworks=False,
        opts=ready,
    )
    subnetwork = gcp.compute.Subnetwork(
        "venue-subnetwork",
        name=names.checked("network", "fluxfloor-venues"),
        project=stack.project,
        region=stack.region,
        network=network.id,
        ip_cidr_range=RANGE,
        private_ip_google_access=True,
    )
    address = _gateway(stack, network, subnetwork)
    pulumi.export("venue_address", address.address)
    return subnetwork


def _gateway(stack: Stack, network: gcp.compute.Network, subnetwork: gcp.compute.Subnetwork) -> gcp.compute.Address:
    address = gcp.compute.Address(
        "venue-address",
        name=names.checked("network", "fluxfloor-venues"),
        project=stack.project,
        region=stack.region,
        address_type="EXTERNAL",
        opts=pulumi.ResourceOptions(protect=stack.live),  # venues have it on their lists
    )
    router = gcp.compute.Router(
        "venue-router",
        name=names.checked("network", "fluxfloor"),
        project=stack.project,
        region=stack.region,
        network=network.id,
    )
    gcp.compute.RouterNat(
        "venue-nat",
        name=names.checked("network", "fluxfloor"),
        project=stack.project,
        region=stack.region,
        router=router.name,
        nat_ip_allocate_option="MANUAL_ONLY",
        nat_ips=[address.self_link],
        source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
        subnetworks=[
            gcp.compute.RouterNatSubnetworkArgs(name=subnetwork.id, source_ip_ranges_to_nats=["ALL_IP_RANGES"])
        ],
    )
    return address


def leaves_through(subnetwork: gcp.compute.Subnetwork) -> gcp.cloudrunv2.ServiceTemplateVpcAccessArgs:
    return gcp.cloudrunv2.ServiceTemplateVpcAccessArgs(
        egress="ALL_TRAFFIC",
        network_interfaces=[
            gcp.cloudrunv2.ServiceTemplateVpcAccessNetworkInterfaceArgs(
                network=subnetwork.network, subnetwork=subnetwork.id
            )
        ],
    )


def addresses_needed() -> int:
    """Cloud Run holds up to four addresses an instance while revisions change over."""
    return 4 * sum(stage.max_instances for stage in STAGES.values() if leaves_by_it(stage))
