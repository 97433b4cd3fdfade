# Machines of one kind in one region, spread over placement groups of five.
terraform {
  required_providers {
    linode = { source = "linode/linode" }
  }
}

locals {
  # A placement group holds no more.
  group_size = 5
  group_of   = { for key, m in var.machines : key => tostring(floor((m.number - 1) / local.group_size)) }

  # A file of its own kind beside the rest: what differs between two tokens is no other machine. A boot hook is run before anything
  # else, and at each boot: who has its certificate keeps its file.
  with_birth = {
    for key, m in var.machines : key => m.birth == null ? m.user_data : join("\n", [
      "Content-Type: multipart/mixed; boundary=\"//\"",
      "MIME-Version: 1.0",
      "",
      "--//",
      "Content-Type: text/cloud-config",
      "",
      m.user_data,
      "--//",
      "Content-Type: text/cloud-boothook",
      "",
      "#!/bin/sh",
      "umask 077",
      "[ -e /etc/hayate/relay.pem ] || { mkdir -p /etc/hayate && echo '${base64encode(m.birth)}' | base64 -d >/etc/hayate/enrol.json; }",
      "--//--",
      "",
    ])
  }
}

resource "linode_placement_group" "this" {
  for_each               = toset(values(local.group_of))
  label                  = "${var.label}-${each.key}"
  region                 = var.region
  placement_group_type   = "anti_affinity:local"
  placement_group_policy = var.spread
}

resource "linode_instance" "this" {
  for_each        = var.machines
  label           = each.value.label
  region          = var.region
  type            = var.type
  image           = var.image
  tags            = var.tags
  authorized_keys = var.ssh_keys

  # Linodes with the newer kind of interface take a firewall at the interface only.
  interface_generation = "legacy_config"

  metadata {
    user_data = base64encode(local.with_birth[each.key])
  }

  placement_group {
    id = linode_placement_group.this[local.group_of[each.key]].id
  }

  lifecycle {
    # Each of these would replace the machine, all machines at once. They count at its first boot alone; a change is rolled.
    ignore_changes = [metadata, image, authorized_keys]
  }
}
