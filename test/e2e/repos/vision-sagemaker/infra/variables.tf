variable "project" {
  type    = string
  default = "acme-vision"
}
