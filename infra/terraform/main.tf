locals {
  # "jp/a" = one generation of relays in one region.
  crews = merge([
    for region, r in var.regions : {
      for generation, count in r.relays : "${r.code}/${generation}" => {
        region     = region
        code       = r.code
        generation = generation
        relays     = { for n in range(1, count + 1) : "${r.code}-${generation}-${n}" => n }
      }
    }
  ]...)
  codes = sort([for r in var.regions : r.code])
  # NATS servers and the control node take their units and the command line from the newest generation that runs.
  newest = var.generations[reverse(sort(distinct([for c in local.crews : c.generation])))[0]]
  image  = "linode/debian12"

  relays  = merge([for c in module.relays : c.machines]...)
  nats    = merge([for r in module.nats : r.machines]...)
  control = module.control.machines
  code_of = merge(
    merge([for c in local.crews : { for id in keys(c.relays) : id => c.code }]...),
    merge([for region, r in var.regions : { for n in range(1, r.nats + 1) : "nats-${r.code}-${n}" => r.code }]...),
  )
}

data "linode_instances" "fleet" {
  filter {
    name   = "tags"
    values = ["${var.name}:fleet"]
  }
}

module "relays" {
  source   = "./modules/machines"
  for_each = local.crews

  label  = "${var.name}-${each.value.code}-${each.value.generation}"
  region = each.value.region
  type   = var.generations[each.value.generation].type
  image  = var.generations[each.value.generation].image
  tags   = [var.name, "${var.name}:relay", "${var.name}:region:${each.value.code}", "${var.name}:generation:${each.value.generation}"]
  # A relay is one of many: two on one host are better than one too few.
  spread   = "flexible"
  ssh_keys = var.ssh_keys
  machines = {
    for id, number in each.value.relays : id => {
      number    = number
      label     = "${var.name}-${id}"
      user_data = local.user_data[id]
      birth     = lookup(local.births, id, null)
    }
  }
}

module "nats" {
  source   = "./modules/machines"
  for_each = var.regions

  label  = "${var.name}-nats-${each.value.code}"
  region = each.key
  type   = var.nats.type
  image  = local.image
  tags   = [var.name, "${var.name}:nats", "${var.name}:region:${each.value.code}"]
  # Three copies of a gift on one host are one.
  spread   = "strict"
  ssh_keys = var.ssh_keys
  machines = {
    for n in range(1, each.value.nats + 1) : "nats-${each.value.code}-${n}" => {
      number    = n
      label     = "${var.name}-nats-${each.value.code}-${n}"
      user_data = local.user_data["nats-${each.value.code}-${n}"]
    }
  }
}

module "control" {
  source = "./modules/machines"

  label    = "${var.name}-control"
  region   = var.control.region
  type     = var.control.type
  image    = local.image
  tags     = [var.name, "${var.name}:control"]
  spread   = "flexible"
  ssh_keys = var.ssh_keys
  machines = {
    control = { number = 1, label = "${var.name}-control", user_data = local.user_data["control"] }
  }
}

module "network" {
  source      = "./modules/network"
  name        = var.name
  admin_cidrs = var.admin_cidrs
  relays      = local.relays
  nats        = local.nats
  control     = local.control
  unlisted    = !try(var.fleet.dry_run, true)
  fleet       = [for i in data.linode_instances.fleet.instances : { ipv4 = i.ip_address, ipv6 = split("/", i.ipv6)[0] }]
}

check "generations_do_not_change" {
  assert {
    condition     = alltrue([for id, m in local.relays : strcontains(m.made_with, local.user_data[id])])
    error_message = "Relays were made with something else than what is configured now, and keep it: ${join(", ", [for id, m in local.relays : id if !strcontains(m.made_with, local.user_data[id])])}. Add a generation and roll."
  }
}
