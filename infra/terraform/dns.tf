data "linode_domain" "this" {
  count  = var.domain == null ? 0 : 1
  domain = var.domain
}

locals {
  records = var.domain == null ? {} : merge([
    for id in keys(local.code_of) : startswith(id, "nats-") ? {} : {
      "${id}/A"    = { id = id, type = "A" }
      "${id}/AAAA" = { id = id, type = "AAAA" }
    }
  ]...)
}

resource "linode_domain_record" "relay" {
  for_each    = local.records
  domain_id   = data.linode_domain.this[0].id
  name        = each.value.id
  record_type = each.value.type
  target      = each.value.type == "A" ? local.relays[each.value.id].ipv4 : local.relays[each.value.id].ipv6
  # The shortest that the DNS manager takes: a relay that went away is not dialled for long.
  ttl_sec = 30
}
