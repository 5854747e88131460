import Model

/// `NetworkingConfig` and the container-wide `MacAddress` of a create request.
enum NetworkingRequest {
  /// Sets the networks of `settings`, whose network mode is known already; returns warnings for the client.
  static func read(
    _ fields: JSONFields, version: APIVersion, into settings: inout ContainerSettings
  ) throws -> [String] {
    var attachments: [NetworkAttachment] = []
    if let config = try fields.object("NetworkingConfig") {
      if let endpoints = try config.object("EndpointsConfig") {
        attachments = try endpoints.names.map { name in
          try attachment(endpoints.object(name), network: name == "default" ? "bridge" : name)
        }
      }
      try config.finish()
    }
    if attachments.count > 1, version < .v1(44) {
      let names = attachments.map(\.network).joined(separator: ", ")
      throw PlatformError(
        .invalidArgument, "Container cannot be created with multiple network endpoints: \(names)")
    }
    let warning = try applyMACAddress(fields, settings.host.networkMode, version: version, to: &attachments)
    settings.networks = ordered(attachments, settings.host.networkMode)
    return warning.map { [$0] } ?? []
  }

  /// The main network first; none where the container has no stack of its own.
  private static func ordered(_ attachments: [NetworkAttachment], _ mode: NetworkMode) -> [NetworkAttachment] {
    switch mode {
    case .host, .none, .container: return []
    case .standard:
      return attachments.filter { $0.network == "bridge" } + attachments.filter { $0.network != "bridge" }
    case .network(let name):
      let main = attachments.filter { $0.network == name }
      return (main.isEmpty ? [NetworkAttachment(network: name)] : main) + attachments.filter { $0.network != name }
    }
  }

  private static func applyMACAddress(
    _ fields: JSONFields, _ mode: NetworkMode, version: APIVersion, to attachments: inout [NetworkAttachment]
  ) throws -> String? {
    let wide = try fields.text("MacAddress")
    if version < .v1(44) { for index in attachments.indices { attachments[index].macAddress = nil } }
    guard let wide else { return nil }
    let main: String
    switch mode {
    case .standard: main = "bridge"
    case .network(let name): main = name
    case .host, .none, .container:
      throw fields.failure("MacAddress", "conflicting options: mac-address and the network mode")
    }
    let index = attachments.firstIndex { $0.network == main } ?? (version < .v1(44) ? attachments.indices.first : nil)
    if let index {
      guard attachments[index].macAddress == nil || attachments[index].macAddress == wide else {
        throw fields.failure(
          "MacAddress",
          "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
            + "or be left empty")
      }
      attachments[index].macAddress = wide
    } else {
      var attachment = NetworkAttachment(network: main)
      attachment.macAddress = wide
      attachments.append(attachment)
    }
    return version < .v1(44)
      ? nil
      : "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."
  }

  /// One endpoint's settings; nil stands for none.
  static func attachment(_ fields: JSONFields?, network: String) throws -> NetworkAttachment {
    var attachment = NetworkAttachment(network: network)
    guard let fields else { return attachment }
    attachment.aliases = try fields.strings("Aliases") ?? []
    attachment.links = try fields.strings("Links") ?? []
    attachment.macAddress = try fields.text("MacAddress")
    attachment.gatewayPriority = try fields.integer("GwPriority", in: Int.min...Int.max).flatMap { $0 == 0 ? nil : $0 }
    if let option = try fields.stringMap("DriverOpts")?.keys.min() {
      throw PlatformError(
        .notImplemented,
        "\(fields.place("DriverOpts")): the endpoint option '\(option.prefix(128))' is not supported by this engine; leave it out",
        subject: .member(fields.place("DriverOpts")))
    }
    if let addresses = try fields.object("IPAMConfig") {
      attachment.address = try addresses.text("IPv4Address")
      attachment.ipv6Address = try addresses.text("IPv6Address")
      try addresses.refuse("LinkLocalIPs")
      try addresses.finish()
    }
    // What inspect tells is sent back by clients that copy it; only wishes count.
    fields.ignore(
      "NetworkID", "EndpointID", "Gateway", "IPAddress", "IPPrefixLen", "IPv6Gateway",
      "GlobalIPv6Address", "GlobalIPv6PrefixLen", "DNSNames")
    try fields.finish()
    return attachment
  }
}
