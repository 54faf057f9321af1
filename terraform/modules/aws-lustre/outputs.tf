output "file_system_id" {
  description = "The file system, once it is linked to its bucket and the nodes reach it."
  value       = aws_fsx_lustre_file_system.this.id
  depends_on = [
    aws_fsx_data_repository_association.this,
    aws_vpc_security_group_egress_rule.nodes,
    aws_vpc_security_group_egress_rule.servers,
    aws_vpc_security_group_ingress_rule.nodes,
    aws_vpc_security_group_ingress_rule.servers,
  ]
}

output "dns_name" {
  description = "Its DNS name."
  value       = aws_fsx_lustre_file_system.this.dns_name
}

output "mount_name" {
  description = "Its mount name."
  value       = aws_fsx_lustre_file_system.this.mount_name
}
