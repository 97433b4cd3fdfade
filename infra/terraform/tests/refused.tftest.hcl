# What must be refused, each beside what is taken in base.tftest.hcl.
mock_provider "linode" {
  source = "./tests/mock"
}

variables {
  regions     = { jp-tyo-3 = { code = "jp", relays = { a = 2 } } }
  generations = { a = { url = "https://example.com/hayate-0.1.0-linux-x64.tar.gz", sha256 = "aa00000000000000000000000000000000000000000000000000000000000000" } }
  nats        = { url = "https://example.com/nats-server-v2.15.3-linux-amd64.tar.gz", sha256 = "bb00000000000000000000000000000000000000000000000000000000000000" }
  control     = { region = "jp-tyo-3" }
  admin_cidrs = ["203.0.113.7/32"]
  ssh_keys    = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4 admin"]
}

run "the_rest_is_right" {
  command = plan
}

run "cidr_without_prefix" {
  command = plan
  variables {
    admin_cidrs = ["203.0.113.7"]
  }
  expect_failures = [var.admin_cidrs]
}

run "cidr_that_is_none" {
  command = plan
  variables {
    admin_cidrs = ["203.0.113.7/32", "300.1.2.3/8"]
  }
  expect_failures = [var.admin_cidrs]
}

run "ssh_for_everybody" {
  command = plan
  variables {
    admin_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.admin_cidrs]
}

run "ssh_for_everybody_by_ipv6" {
  command = plan
  variables {
    admin_cidrs = ["::/0"]
  }
  expect_failures = [var.admin_cidrs]
}

run "nobody_administers" {
  command = plan
  variables {
    admin_cidrs = []
  }
  expect_failures = [var.admin_cidrs]
}

run "unknown_region" {
  command = plan
  variables {
    regions = {
      jp-tyo-3 = { code = "jp", relays = { a = 2 } }
      mars-1   = { code = "ma", relays = { a = 2 } }
    }
  }
  expect_failures = [var.regions]
}

run "region_without_placement_groups" {
  command = plan
  override_data {
    target = data.linode_region.used
    values = { capabilities = ["Linodes", "Cloud Firewall", "Metadata"] }
  }
  expect_failures = [data.linode_region.used]
}

run "zero_relays" {
  command = plan
  variables {
    regions = { jp-tyo-3 = { code = "jp", relays = { a = 0 } } }
  }
  expect_failures = [var.regions]
}

run "half_a_relay" {
  command = plan
  variables {
    regions = { jp-tyo-3 = { code = "jp", relays = { a = 1.5 } } }
  }
  expect_failures = [var.regions]
}

run "no_generation" {
  command = plan
  variables {
    regions = { jp-tyo-3 = { code = "jp", relays = {} } }
  }
  expect_failures = [var.regions]
}

run "unknown_generation" {
  command = plan
  variables {
    regions = { jp-tyo-3 = { code = "jp", relays = { z = 2 } } }
  }
  expect_failures = [var.regions]
}

run "two_regions_of_one_code" {
  command = plan
  variables {
    regions = {
      jp-tyo-3 = { code = "jp", relays = { a = 2 } }
      us-ord   = { code = "jp", relays = { a = 2 } }
    }
  }
  expect_failures = [var.regions]
}

run "two_nats_servers" {
  command = plan
  variables {
    regions = { jp-tyo-3 = { code = "jp", relays = { a = 2 }, nats = 2 } }
  }
  expect_failures = [var.regions]
}

run "no_checksum" {
  command = plan
  variables {
    generations = { a = { url = "https://example.com/hayate-0.1.0-linux-x64.tar.gz", sha256 = "latest" } }
  }
  expect_failures = [var.generations]
}

run "plain_http" {
  command = plan
  variables {
    generations = { a = { url = "http://example.com/hayate-0.1.0-linux-x64.tar.gz", sha256 = "aa00000000000000000000000000000000000000000000000000000000000000" } }
  }
  expect_failures = [var.generations]
}

run "an_address_that_ends_its_quotes" {
  command = plan
  variables {
    generations = { a = { url = "https://example.com/'; reboot; '.tar.gz", sha256 = "aa00000000000000000000000000000000000000000000000000000000000000" } }
  }
  expect_failures = [var.generations]
}

run "control_nowhere" {
  command = plan
  variables {
    control = { region = "us-ord" }
  }
  expect_failures = [var.control]
}

run "private_key_as_public" {
  command = plan
  variables {
    ssh_keys = ["-----BEGIN OPENSSH PRIVATE KEY-----"]
  }
  expect_failures = [var.ssh_keys]
}

run "domain_with_scheme" {
  command = plan
  variables {
    domain = "https://live.example.com"
  }
  expect_failures = [var.domain]
}

run "a_token_for_nobody_known" {
  command = plan
  variables {
    enrolment = { tokens = { "jp-a-1" = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } }
  }
  expect_failures = [var.enrolment]
}

run "a_token_that_is_none" {
  command = plan
  variables {
    enrolment = { ca = "-----BEGIN CERTIFICATE-----", tokens = { "jp-a-1" = "secret" } }
  }
  expect_failures = [var.enrolment]
}

run "a_token_of_no_relay" {
  command = plan
  variables {
    enrolment = { ca = "-----BEGIN CERTIFICATE-----", tokens = { "jp-a-9" = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } }
  }
  expect_failures = [var.enrolment]
}

run "a_certificate_without_a_domain" {
  command = plan
  variables {
    enrolment = { linode = true, acme = { email = "ops@example.com", zone = "example.com" } }
  }
  expect_failures = [var.enrolment]
}

run "a_certificate_of_another_zone" {
  command = plan
  variables {
    domain    = "live.example.com"
    enrolment = { linode = true, acme = { email = "ops@example.com", zone = "example.org" } }
  }
  expect_failures = [var.enrolment]
}

run "a_fleet_that_makes_what_cannot_enrol" {
  command = plan
  variables {
    fleet = { dry_run = false }
  }
  expect_failures = [var.fleet]
}

run "a_fleet_whose_machines_nobody_checks" {
  command = plan
  variables {
    fleet     = { dry_run = false }
    enrolment = { ca = "-----BEGIN CERTIFICATE-----" }
  }
  expect_failures = [var.fleet]
}

run "a_fleet_that_may_make_none" {
  command = plan
  variables {
    fleet = { max = 0 }
  }
  expect_failures = [var.fleet]
}

run "a_fleet_with_less_than_its_least" {
  command = plan
  variables {
    fleet = { min = 3, max = 2 }
  }
  expect_failures = [var.fleet]
}

run "a_fleet_of_halves" {
  command = plan
  variables {
    fleet = { max = 2.5 }
  }
  expect_failures = [var.fleet]
}

run "a_fleet_without_bounds" {
  command = plan
  variables {
    fleet = { max = 1000 }
  }
  expect_failures = [var.fleet]
}

run "a_generation_of_the_fleets_name" {
  command = plan
  variables {
    regions     = { jp-tyo-3 = { code = "jp", relays = { f = 2 } } }
    generations = { f = { url = "https://example.com/hayate-0.1.0-linux-x64.tar.gz", sha256 = "aa00000000000000000000000000000000000000000000000000000000000000" } }
    fleet       = {}
  }
  expect_failures = [var.fleet]
}
