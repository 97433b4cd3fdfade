# Who may talk to whom. A Linode has one firewall in force: one for each kind of machine.
terraform {
  required_providers {
    linode = { source = "linode/linode" }
  }
}

locals {
  # A rule takes so many addresses of a family.
  rule_addresses = 255
  anywhere       = { ipv4 = ["0.0.0.0/0"], ipv6 = ["::/0"] }
  admin = {
    ipv4 = sort([for c in var.admin_cidrs : c if !strcontains(c, ":")])
    ipv6 = sort([for c in var.admin_cidrs : c if strcontains(c, ":")])
  }
  # [{ ipv4, ipv6 }, ...], each small enough for a rule.
  from = {
    for kind, addresses in { relays = concat(values(var.relays), var.fleet), nats = values(var.nats), control = values(var.control) } :
    kind => [
      for part in chunklist(addresses, local.rule_addresses) : {
        ipv4 = sort([for a in part : "${a.ipv4}/32"])
        ipv6 = sort([for a in part : "${a.ipv6}/128"])
      }
    ]
  }

  # Who gets in beyond the firewall: who shows a certificate (trunk), a user (NATS) or a token (enrolment) of this cluster, over TLS.
  peers = var.unlisted ? [local.anywhere] : local.from.relays

  rules = {
    relays = concat(
      [
        { label = "clients-udp", protocol = "UDP", ports = "443", from = local.anywhere },
        { label = "clients-tcp", protocol = "TCP", ports = "443", from = local.anywhere },
        { label = "admin", protocol = "TCP", ports = "22", from = local.admin },
      ],
      [for n, part in local.peers : { label = "trunk-${n}", protocol = "UDP", ports = "4434", from = part }],
      [for n, part in local.from.control : { label = "control-${n}", protocol = "TCP", ports = "9464", from = part }],
    )
    nats = concat(
      [{ label = "admin", protocol = "TCP", ports = "22", from = local.admin }],
      [for n, part in local.peers : { label = "relays-${n}", protocol = "TCP", ports = "4222", from = part }],
      [for n, part in local.from.nats : { label = "nats-${n}", protocol = "TCP", ports = "6222, 7422", from = part }],
      [for n, part in local.from.control : { label = "control-${n}", protocol = "TCP", ports = "4222, 8222", from = part }],
    )
    control = concat(
      # Prometheus and Grafana have no TLS here: they listen on loopback, and are reached through SSH.
      [{ label = "admin", protocol = "TCP", ports = "22", from = local.admin }],
      [for n, part in local.peers : { label = "enrol-${n}", protocol = "TCP", ports = "8443", from = part }],
    )
  }
  members = { relays = var.relays, nats = var.nats, control = var.control }
}

resource "linode_firewall" "this" {
  for_each        = local.rules
  label           = "${var.name}-${each.key}"
  tags            = [var.name]
  inbound_policy  = "DROP"
  outbound_policy = "ACCEPT"

  dynamic "inbound" {
    for_each = each.value
    content {
      label    = inbound.value.label
      action   = "ACCEPT"
      protocol = inbound.value.protocol
      ports    = inbound.value.ports
      ipv4     = inbound.value.from.ipv4
      ipv6     = inbound.value.from.ipv6
    }
  }
}

# By a device and not by the machine's firewall_id: the rules name the machines' addresses, which would be a circle.
# Until it is there, moments after the machine, sshd (keys only) is all that listens.
resource "linode_firewall_device" "this" {
  for_each    = merge([for kind, machines in local.members : { for key, m in machines : "${kind}/${key}" => { kind = kind, id = m.id } }]...)
  firewall_id = linode_firewall.this[each.value.kind].id
  entity_id   = each.value.id
  entity_type = "linode"
}
