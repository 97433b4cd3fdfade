output "machines" {
  description = "Every machine: where it is, its services, and the files that infra/push.ts brings there. No secret is in it."
  value = {
    for id, m in merge(local.relays, local.nats, local.control) : id => {
      address  = m.ipv4
      ipv6     = m.ipv6
      services = local.services[id]
      files    = merge(local.relay_files, local.nats_files, { control = local.control_files })[id]
    }
  }
}

output "nats_servers" {
  description = "NATS servers and where they are dialled: hayate cluster keys --nats $(terraform output -raw nats_servers)"
  value       = join(" ", [for id in sort(keys(local.nats)) : "${id}=${local.nats[id].ipv4}"])
}

output "fleet" {
  description = "What the fleet needs to make relays of its own. It may touch only what has the tag."
  value = {
    tag       = "${var.name}:fleet"
    firewall  = module.network.firewalls["relays"]
    relays_of = { for key, c in local.crews : key => { region = c.region, type = var.generations[c.generation].type, image = var.generations[c.generation].image } }
    groups    = { for key, c in module.relays : key => c.groups }
  }
}

output "user_data_sha256" {
  description = "Of what a machine made now would do at its first boot. No run-time setting may change it."
  value       = { for id, text in local.user_data : id => sha256(text) }
}

locals {
  types = toset(concat([for g in var.generations : g.type], [var.nats.type, var.control.type]))
  priced = concat(
    flatten([for c in local.crews : [for id in keys(c.relays) : { region = c.region, type = var.generations[c.generation].type }]]),
    flatten([for region, r in var.regions : [for n in range(r.nats) : { region = region, type = var.nats.type }]]),
    [{ region = var.control.region, type = var.control.type }],
  )
}

locals {
  price_of = merge([
    for region in keys(var.regions) : {
      for type in local.types : "${region} ${type}" => coalesce(
        one([for p in data.linode_instance_type.used[type].region_prices : p.monthly if p.id == region]),
        data.linode_instance_type.used[type].price[0].monthly,
      )
    }
  ]...)
}

data "linode_instance_type" "used" {
  for_each = local.types
  id       = each.key
}

output "monthly" {
  description = "By today's prices of the API: US dollars, and GB of transfer that the account gets for it. What the fleet makes, if it makes as many as it may all month, and transfer above the pool come on top."
  value = {
    usd               = sum([for m in local.priced : local.price_of["${m.region} ${m.type}"]])
    fleet_usd_at_most = try(var.fleet.dry_run, true) ? 0 : sum([for region in keys(var.regions) : var.fleet.max * local.price_of["${region} ${var.generations[local.fleet_generation].type}"]])
    transfer_gb       = sum([for m in local.priced : data.linode_instance_type.used[m.type].transfer])
    machines          = length(local.priced)
  }
}

locals {
  running = distinct([for c in local.crews : c.generation])
  coming  = sort(setsubtract(keys(var.generations), local.running))
  next    = length(local.coming) == 1 ? local.coming[0] : null
  after_roll = local.next == null ? {} : {
    for region, r in var.regions : region => merge(r, { relays = { (local.next) = max(values(r.relays)...) } })
  }
  during_roll = {
    for region, r in local.after_roll : region => merge(r, { relays = merge(var.regions[region].relays, r.relays) })
  }
  new_ids = flatten([for r in local.after_roll : [for g, n in r.relays : [for i in range(1, n + 1) : "${r.code}-${g}-${i}"]]])
}

output "roll" {
  description = "The three commands of a roll, once var.generations has one that no region runs. `terraform output -raw roll`."
  value = (local.next == null ?
    "Nothing to roll: add exactly one generation to var.generations that no region runs yet, and apply.\n" :
    join("\n", [
      "# 1. Generation ${local.next} beside ${join(", ", local.running)}.",
      "echo '${jsonencode({ regions = local.during_roll })}' > regions.auto.tfvars.json && terraform apply && hayate cluster keys --dir keys --regions ${join(",", local.codes)} ${join(" ", local.new_ids)} && terraform output -json machines | node ../push.ts --keys keys --secrets secrets",
      "# 2. ${join(", ", local.running)} drains, one relay after the other: clients go over by themselves. Each ends when it is empty, after drainMs at the latest.",
      "for ip in ${join(" ", [for id in sort(keys(local.relays)) : local.relays[id].ipv4])}; do ssh root@$ip systemctl disable --now hayate-relay || break; done",
      "# 3. ${join(", ", local.running)} is removed.",
      "echo '${jsonencode({ regions = local.after_roll })}' > regions.auto.tfvars.json && terraform apply",
      "",
  ]))
}

output "firewall_rules" {
  description = "What each kind of machine lets in."
  value       = module.network.rules
}

output "user_data" {
  description = "What each machine does at its first boot, in clear."
  value       = local.user_data
}

output "births" {
  description = "enrol.json of the relays that enrol, by id: in the state in clear, and worthless once they did."
  value       = local.births
}
