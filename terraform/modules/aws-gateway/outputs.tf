output "allocation_ids" {
  description = "The addresses by zone, for the load balancer's annotation."
  value       = { for zone, address in aws_eip.this : zone => address.allocation_id }
}
