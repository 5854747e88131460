/// The service that serves the ports of `x-bulkhead: {expose: …}`: HAProxy with a configuration made here.
///
/// It finds the containers of a service by the engine's name service, so that scaling and replacing need no new
/// configuration; a connection that one container refuses goes to the next.
struct LoadBalancer {
  static let serviceName = "bulkhead-balancer"
  /// Made by the client of Debian's packages where it is not there.
  static let standardImage = "bulkhead/haproxy:bookworm"
  private static let path = "/run/bulkhead/haproxy.cfg"
  /// Inside, ports count from here: the program needs no right to low ones.
  private static let firstPort = 10_080
  /// Containers of one service that it can serve.
  private static let slots = 64

  private struct Backend {
    var service: String
    var port: ComposeBalancedPort
    var at: ComposeLocation
  }

  /// Adds service and config where a service asks for them.
  /// - Parameter services: the active ones, decoded.
  static func added(to tree: Node, _ services: [ComposeService]) throws(ComposeFault) -> Node {
    var backends: [Backend] = []
    for service in services {
      guard let port = service.balancer else { continue }
      let at = tree["services"]?[service.name]?["x-bulkhead"]?["expose"]?.at ?? tree.at
      if let mode = service.networkMode {
        throw ComposeFault(
          .invalid, at: at, key: "services.\(service.name).x-bulkhead.expose",
          "needs a network, and 'network_mode' is \(mode)")
      }
      backends.append(Backend(service: service.name, port: port, at: at))
    }
    guard let first = backends.first else { return tree }
    for section in ["services", "configs"] {
      if let other = tree[section]?[serviceName] {
        throw ComposeFault(
          .invalid, at: other.at, key: "\(section).\(serviceName)", "the name is kept for the load balancer")
      }
    }
    let groups = try grouped(backends)
    var result = tree
    let networks = services.filter { $0.balancer != nil }.flatMap { $0.endpoints.map(\.network) }
    let image = tree["x-bulkhead"]?["balancer"]?["image"]?.text ?? standardImage
    var configs = tree["configs"] ?? Node(.map([]), at: first.at)
    configs[serviceName] = .map([("content", .string(configuration(groups), at: first.at))], at: first.at)
    result["configs"] = configs
    result["services"]?[serviceName] = service(groups, image: image, networks: Set(networks).sorted(), at: first.at)
    return result
  }

  /// The services of each port of the host.
  private static func grouped(_ backends: [Backend]) throws(ComposeFault) -> [[Backend]] {
    var groups: [[Backend]] = []
    for backend in backends {
      let key = "services.\(backend.service).x-bulkhead.expose"
      guard let index = groups.firstIndex(where: { $0[0].port.port == backend.port.port }) else {
        groups.append([backend])
        continue
      }
      let first = groups[index][0]
      guard first.port.address == backend.port.address, first.port.mode == .http, backend.port.mode == .http else {
        throw ComposeFault(
          .invalid, at: backend.at, key: key,
          "port \(backend.port.port) is taken by '\(first.service)', and only 'mode: http' on one address is shared")
      }
      guard !groups[index].contains(where: { $0.port.host?.lowercased() == backend.port.host?.lowercased() }) else {
        throw ComposeFault(
          .invalid, at: backend.at, key: key,
          "port \(backend.port.port) is taken by '\(first.service)': give each service a 'host' of its own")
      }
      groups[index].append(backend)
    }
    return groups
  }

  private static func service(
    _ groups: [[Backend]], image: String, networks: [String], at: ComposeLocation
  ) -> Node {
    func text(_ value: String) -> Node { .string(value, at: at) }
    func list(_ values: [String]) -> Node { Node(.list(values.map(text)), at: at) }
    let ports = groups.enumerated().map { index, group in
      let address = group[0].port.address
      return Node.map(
        [
          ("mode", text("ingress")), ("target", .int(firstPort + index, at: at)),
          ("published", text(String(group[0].port.port))), ("protocol", text("tcp")),
        ] + (address.isEmpty ? [] : [("host_ip", text(address))]), at: at)
    }
    let dependencies = groups.flatMap { $0 }.map { backend in
      (backend.service, Node.map([("condition", text("service_started")), ("required", .bool(true, at: at))], at: at))
    }
    return .map(
      [
        ("image", text(image)),
        ("command", list(["haproxy", "-db", "-f", path])),
        ("configs", Node(.list([.map([("source", text(serviceName)), ("target", text(path))], at: at)]), at: at)),
        ("networks", .map(networks.map { ($0, Node(.map([]), at: at)) }, at: at)),
        ("ports", Node(.list(ports), at: at)),
        ("depends_on", .map(dependencies, at: at)),
        ("cap_drop", list(["ALL"])),
        ("security_opt", list(["no-new-privileges:true"])),
        ("healthcheck", health(at)), ("stop_grace_period", text("15s")),
        ("restart", text("unless-stopped")),
        // HAProxy's soft stop: requests under way are served to their end.
        ("stop_signal", text("SIGUSR1")),
      ], at: at)
  }

  /// Healthy when every exposed service has a container that serves.
  private static func health(_ at: ComposeLocation) -> Node {
    let script =
      "exec 3<>/dev/tcp/127.0.0.1/9998 && printf 'GET /ready HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"
    return .map(
      [
        ("test", Node(.list(["CMD", "bash", "-c", script].map { .string($0, at: at) }), at: at)),
        ("interval", .string("5s", at: at)), ("timeout", .string("3s", at: at)),
        ("start_period", .string("60s", at: at)), ("start_interval", .string("200ms", at: at)),
      ], at: at)
  }

  /// Source: HAProxy's configuration manual (2.6), sections 3 to 5.
  private static func configuration(_ groups: [[Backend]]) -> String {
    var text = """
      global
        log stdout format raw local0 notice
        maxconn 8192
        # Only its own container reaches it: what drains a server before its container is stopped.
        stats socket ipv4@127.0.0.1:9999 level admin
        hard-stop-after 14s
      defaults
        log global
        timeout connect 3s
        timeout client 60s
        timeout server 60s
        timeout tunnel 1h
        timeout http-request 10s
        timeout queue 10s
        retries 5
        option redispatch 1
      resolvers engine
        nameserver names 127.0.0.11:53
        accepted_payload_size 8192
        resolve_retries 3
        timeout resolve 500ms
        timeout retry 500ms
        hold valid 500ms
        hold nx 1s
        hold obsolete 0s

      """
    let empty = groups.flatMap { $0 }.map { "{ nbsrv(\($0.service)_\($0.port.port)) eq 0 }" }
    text += "frontend health\n  mode http\n  bind 127.0.0.1:9998\n  timeout client 3s\n  monitor-uri /ready\n"
    text += "  monitor fail if \(empty.joined(separator: " || "))\n"
    for (index, group) in groups.enumerated() {
      let isHTTP = group[0].port.mode == .http
      text += "frontend port_\(group[0].port.port)\n  mode \(isHTTP ? "http" : "tcp")\n  bind :\(firstPort + index)\n"
      if isHTTP { text += "  option forwardfor\n" }
      for backend in group {
        let name = "\(backend.service)_\(backend.port.port)"
        if let host = backend.port.host {
          text += "  use_backend \(name) if { req.hdr(host),field(1,:),lower -m str \(host.lowercased()) }\n"
        }
      }
      if let all = group.first(where: { $0.port.host == nil }) {
        text += "  default_backend \(all.service)_\(all.port.port)\n"
      }
    }
    for backend in groups.flatMap({ $0 }) { text += section(backend) }
    return text
  }

  private static func section(_ backend: Backend) -> String {
    let port = backend.port
    var text = "backend \(backend.service)_\(port.port)\n  mode \(port.mode.rawValue)\n"
    text += "  balance \(port.mode == .http ? "roundrobin" : "leastconn")\n"
    if port.mode == .http {
      // A container that ends takes nothing with it that can be asked for again without harm.
      text += "  retry-on all-retryable-errors\n"
      text += "  http-request disable-l7-retry unless METH_GET || METH_HEAD || METH_OPTIONS\n"
    }
    if let path = port.checkPath { text += "  option httpchk GET \(path)\n" }
    text += "  server-template \(backend.service)- 1-\(slots) \(backend.service):\(port.target)"
    return text + " check inter 1s fastinter 200ms fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down"
      + " resolve-prefer ipv4 resolvers engine init-addr none\n"
  }
}
