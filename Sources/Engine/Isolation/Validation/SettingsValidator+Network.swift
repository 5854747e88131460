import Glibc
import Model

extension SettingsValidator {
  private static let maximumNames = 256
  private static let maximumPublishedPorts = 4096

  func checkNetwork(_ settings: ContainerSettings) throws -> [String] {
    let host = settings.host
    var warnings: [String] = []
    guard host.publishedPorts.count <= Self.maximumPublishedPorts else {
      throw PlatformError(.invalidArgument, "more than \(Self.maximumPublishedPorts) published ports")
        .about(.publishedPorts)
    }
    for port in host.publishedPorts {
      try ContainerSetting.publishedPorts.blamed("\(port.port.number)/\(port.port.transport.rawValue)") {
        try check(port)
      }
    }
    if host.publishAllPorts, let port = settings.exposedPorts.first(where: { $0.transport == .sctp }) {
      throw PlatformError(
        .notImplemented, "port \(port.number)/sctp cannot be published: this engine forwards TCP and UDP only"
      ).about(.exposedPorts, "\(port.number)/sctp")
    }
    switch host.networkMode {
    case .host:
      if !host.publishedPorts.isEmpty {
        warnings.append("Published ports are discarded when using host network mode")
      }
      try refuseAddressing(settings, mode: "host")
    case .container:
      guard host.publishedPorts.isEmpty, !host.publishAllPorts else {
        throw PlatformError(
          .invalidArgument, "conflicting options: port publishing and the container type network mode"
        ).about(.publishedPorts)
      }
      guard settings.exposedPorts.isEmpty else {
        throw PlatformError(.invalidArgument, "conflicting options: port exposing and the container type network mode")
          .about(.exposedPorts)
      }
      let conflicts: [(ContainerSetting, String, Bool)] = [
        (.hostname, "hostname and the network mode", settings.hostname?.isEmpty == false),
        (.dnsServers, "dns and the network mode", !host.dnsServers.isEmpty),
        (.extraHosts, "custom host-to-IP mapping and the network mode", !host.extraHosts.isEmpty),
        (.links, "links and container type network", !host.links.isEmpty),
      ]
      for (setting, name, isThere) in conflicts where isThere {
        throw PlatformError(.invalidArgument, "conflicting options: \(name)").about(setting)
      }
    case .none, .standard, .network: break
    }
    if host.utsMode == .host, settings.hostname?.isEmpty == false {
      throw PlatformError(.invalidArgument, "conflicting options: hostname and the UTS mode").about(.hostname)
    }
    try checkNames(host)
    return warnings
  }

  private func refuseAddressing(_ settings: ContainerSettings, mode: String) throws {
    guard settings.host.links.isEmpty else {
      throw PlatformError(.invalidArgument, "conflicting options: \(mode) type networking can't be used with links")
        .about(.links)
    }
  }

  private func checkNames(_ host: HostSettings) throws {
    let lists = [host.dnsServers, host.dnsSearch, host.dnsOptions, host.extraHosts, host.links]
    guard lists.allSatisfy({ $0.count <= Self.maximumNames }) else {
      throw PlatformError(.invalidArgument, "more than \(Self.maximumNames) DNS settings, hosts or links")
    }
    for server in host.dnsServers where !Self.isAddress(server) {
      throw PlatformError(.invalidArgument, "invalid IP address: \(server.prefix(100))").about(.dnsServers, server)
    }
    for (setting, texts) in [(ContainerSetting.dnsSearch, host.dnsSearch), (.dnsOptions, host.dnsOptions)] {
      for text in texts where text.utf8.contains(where: { $0 <= 32 || $0 == 127 }) {
        throw PlatformError(.invalidArgument, "invalid DNS setting: '\(text.prefix(100))'").about(setting, text)
      }
    }
    for text in host.extraHosts where ExtraHost(text) == nil {
      throw PlatformError(.invalidArgument, "bad format for add-host: \"\(text.prefix(200))\"").about(.extraHosts, text)
    }
  }

  private func check(_ port: PublishedPortRequest) throws {
    guard port.hostPortFirst <= port.hostPortLast, port.port.number > 0 else {
      throw PlatformError(.invalidArgument, "invalid port range for port \(port.port.number)")
    }
    guard port.hostAddress.isEmpty || Self.isAddress(port.hostAddress) else {
      throw PlatformError(.invalidArgument, "invalid IP address: \(port.hostAddress.prefix(100))")
    }
    guard port.port.transport != .sctp else {
      throw PlatformError(
        .notImplemented, "port \(port.port.number)/sctp cannot be published: this engine forwards TCP and UDP only")
    }
  }

  /// An IPv4 or IPv6 address, textual.
  static func isAddress(_ text: String) -> Bool {
    var four = in_addr()
    var six = in6_addr()
    return inet_pton(AF_INET, text, &four) == 1 || inet_pton(AF_INET6, text, &six) == 1
  }
}
