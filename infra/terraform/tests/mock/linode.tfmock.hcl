# Answers of the provider, in the shapes and with the prices of Linode's API.
mock_resource "linode_instance" {
  defaults = {
    id         = "1001"
    ip_address = "192.0.2.10"
    ipv6       = "2001:db8::10/128"
  }
}

mock_resource "linode_firewall" {
  defaults = { id = "2001" }
}

mock_resource "linode_placement_group" {
  defaults = { id = "3001" }
}

mock_data "linode_domain" {
  defaults = { id = 4001 }
}

mock_data "linode_instances" {
  defaults = { instances = [] }
}

mock_data "linode_region" {
  defaults = { capabilities = ["Linodes", "Cloud Firewall", "Metadata", "Placement Group"] }
}

mock_data "linode_instance_type" {
  defaults = {
    price         = [{ hourly = 0.036, monthly = 24 }]
    region_prices = [{ id = "id-cgk", hourly = 0.043, monthly = 28.8 }]
    transfer      = 4000
  }
}
