import Model
import Networking

/// The body of `POST /networks/create`.
enum NetworkCreateRequest {
  static func read(_ fields: JSONFields) throws -> NetworkRequest {
    guard let name = try fields.text("Name") else { throw fields.failure("Name", "must name the network") }
    var request = NetworkRequest(name: name)
    request.driver = try fields.text("Driver") ?? "bridge"
    request.isInternal = try fields.bool("Internal") ?? false
    request.attachable = try fields.bool("Attachable") ?? false
    request.enableIPv6 = try fields.bool("EnableIPv6") ?? false
    request.labels = try fields.stringMap("Labels") ?? [:]
    request.options = try fields.stringMap("Options") ?? [:]
    if let scope = try fields.text("Scope"), scope != "local" {
      throw PlatformError(
        .notImplemented, "Scope: networks of scope '\(scope.prefix(32))' are not supported by this engine")
    }
    if try fields.bool("EnableIPv4") == false {
      throw PlatformError(.notImplemented, "EnableIPv4: networks without IPv4 are not supported by this engine")
    }
    if let pool = try fields.object("IPAM") { try readPool(pool, into: &request) }
    try fields.refuse("Ingress", "ConfigOnly", "ConfigFrom")
    fields.ignore("CheckDuplicate")
    try fields.finish()
    return request
  }

  private static func readPool(_ pool: JSONFields, into request: inout NetworkRequest) throws {
    if let driver = try pool.text("Driver"), driver != "default" {
      throw PlatformError(
        .notImplemented, "IPAM.Driver: only the default address driver is there, not '\(driver.prefix(32))'")
    }
    try pool.refuse("Options")
    let configs = try pool.objects("Config") ?? []
    var ipv4: NetworkRequest.Pool?
    var ipv6: NetworkRequest.Pool?
    for config in configs {
      let wish = NetworkRequest.Pool(
        subnet: try config.text("Subnet"), gateway: try config.text("Gateway"), ipRange: try config.text("IPRange"))
      try config.refuse("AuxiliaryAddresses")
      try config.finish()
      let isIPv6 = [wish.subnet, wish.gateway, wish.ipRange].contains { $0?.contains(":") == true }
      guard (isIPv6 ? ipv6 : ipv4) == nil else {
        throw PlatformError(
          .notImplemented, "IPAM.Config: more than one subnet of a family is not supported by this engine")
      }
      if isIPv6 { ipv6 = wish } else { ipv4 = wish }
    }
    if let ipv4 { (request.subnet, request.gateway, request.ipRange) = (ipv4.subnet, ipv4.gateway, ipv4.ipRange) }
    if let ipv6 { request.ipv6 = ipv6 }
    try pool.finish()
  }
}
