output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "private_subnets" {
  description = "Private subnets by zone, once they have their routes."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }
  depends_on  = [aws_route.nat, aws_route_table_association.private, aws_vpc_endpoint.s3, aws_vpc_endpoint.interface]
}

output "public_subnets" {
  description = "Public subnets by zone, for load balancers."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }
}

output "private_cidrs" {
  description = "Addresses of the private subnets, by zone."
  value       = local.private
}

output "nat_addresses" {
  description = "Public addresses from which the nodes are seen outside, by zone."
  value       = { for zone, address in aws_eip.nat : zone => address.public_ip }
}
