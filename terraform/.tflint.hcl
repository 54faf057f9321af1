plugin "terraform" {
  enabled = true
  preset  = "all"
}

# Files are by concern, and an example is one file.
rule "terraform_standard_module_structure" {
  enabled = false
}
