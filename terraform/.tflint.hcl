plugin "terraform" {
  enabled = true
  preset  = "all"
}

# Files are by concern, and an example is one file.
rule "terraform_standard_module_structure" {
  enabled = false
}

# terraform-docs takes a module's heading from a comment in /** … */.
rule "terraform_comment_syntax" {
  enabled = false
}
