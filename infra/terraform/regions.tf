locals {
  # Regions with Metadata (user_data), placement groups and firewalls, by the API's /regions. A plan of a misspelt one
  # says so at once; a region that has lost one of the three is told by the data source below.
  known_regions = [
    "ap-northeast", "ap-south", "ap-southeast", "ap-west", "au-mel", "br-gru", "ca-central", "de-fra-2", "es-mad",
    "eu-central", "eu-west", "fr-par", "fr-par-2", "gb-lon", "id-cgk", "in-bom-2", "in-maa", "it-mil", "jp-osa",
    "jp-tyo-3", "nl-ams", "se-sto", "sg-sin-2", "us-central", "us-east", "us-iad", "us-iad-2", "us-lax", "us-mia",
    "us-ord", "us-sea", "us-southeast", "us-west",
  ]
}

data "linode_region" "used" {
  for_each = var.regions
  id       = each.key
  lifecycle {
    postcondition {
      condition     = length(setsubtract(["Metadata", "Placement Group", "Cloud Firewall"], self.capabilities)) == 0
      error_message = "regions: ${each.key} has no ${join(", ", setsubtract(["Metadata", "Placement Group", "Cloud Firewall"], self.capabilities))}."
    }
  }
}
