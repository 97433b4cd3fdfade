output "machines" {
  description = "By name: id, label, ipv4, ipv6 (without prefix length), group; made_with: the user_data that it was made with."
  value = {
    for key, i in linode_instance.this : key => {
      id        = i.id
      label     = i.label
      ipv4      = i.ip_address
      ipv6      = split("/", i.ipv6)[0]
      made_with = try(base64decode(i.metadata[0].user_data), "")
    }
  }
}

output "groups" {
  description = "Placement groups by number: id, and how many seats are free."
  value = {
    for number, g in linode_placement_group.this : number => {
      id   = g.id
      free = local.group_size - length([for m in local.group_of : m if m == number])
    }
  }
}
