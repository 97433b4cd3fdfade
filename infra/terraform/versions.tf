terraform {
  # 1.9: a variable's validation may look at other variables.
  required_version = ">= 1.9"
  required_providers {
    linode = {
      source  = "linode/linode"
      version = "~> 3.13"
    }
  }
}

# The token comes from LINODE_TOKEN: it is in no file here and not in the state.
provider "linode" {}
