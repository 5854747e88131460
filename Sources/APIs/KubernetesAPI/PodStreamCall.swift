import HTTPServing
import KubeMachinery
import LinuxSystem
import PodStreams

/// A request for streams of a pod: `exec`, `attach`, `port-forward`, over SPDY/3.1 or a WebSocket.
struct PodStreamCall: Sendable {
  static let actions: Set<String> = ["exec", "attach", "portforward"]

  let api: KubernetesAPI
  let request: HTTPRequest
  let user: String
  let kind: Kind
  let namespace: String
  let name: String
  let action: String

  private static let versionHeader = "X-Stream-Protocol-Version"
  private static let socketHeader = "Sec-WebSocket-Protocol"

  /// Throws `StatusError`.
  func answer() async throws -> HTTPResponse {
    guard let nodes = api.nodes else { throw StatusError.notImplemented("pods/\(action)") }
    let pod = try await api.service.get(kind, in: namespace, name).value()
    guard !(pod.at("spec", "nodeName")?.text ?? "").isEmpty else {
      throw StatusError.badRequest("pod \(name) does not have a host assigned")
    }
    let identity = PodIdentity(pod.meta)
    guard action != "portforward" else { return try forward(identity, nodes) }
    let streams = CommandStreams(request.query)
    guard streams.input || streams.output || streams.errors else {
      throw StatusError.badRequest("you must specify at least 1 of stdin, stdout, stderr")
    }
    guard action == "attach" || !request.query.all("command").isEmpty else {
      throw StatusError.badRequest("you must specify at least 1 command for the container")
    }
    let (carrier, head) = try commandCarrier()
    let open: @Sendable () async throws -> UpgradedConnection = { [action, query = request.query] in
      try await nodes.open(action, of: identity, query: query)
    }
    guard let place = api.streams.take(user) else { throw StatusError.tooManyRequests }
    return switched(head) { client in try await CommandPump.run(streams, carrier, client, open: open) }.holding(place)
  }

  private func forward(_ pod: PodIdentity, _ nodes: any NodeConnections) throws -> HTTPResponse {
    let isTunnelled = request.upgrades.contains("websocket")
    let head =
      isTunnelled
      ? try socketHead(accepting: ["SPDY/3.1+portforward.k8s.io"]) : try spdyHead(accepting: ["portforward.k8s.io"])
    // Connections of a session that outlives its pod do not go to the next one of that name.
    let open: @Sendable (UInt16) async throws -> UpgradedConnection = { port in
      let query = try QueryParameters(parsing: "port=\(port)", maxItems: 1)
      return try await nodes.open("portforward", of: pod, query: query)
    }
    let place: @Sendable () -> FairBound.Place? = { [places = api.streams, user] in places.take(user) }
    return switched(head) { client in
      try await ForwardPump(client: client, place: place, open: open).run(isTunnelled: isTunnelled)
    }
  }

  // MARK: - Going over

  private struct Head {
    let upgrade: String
    let headers: HTTPHeaders
  }

  private func switched(_ head: Head, _ take: @escaping @Sendable (HijackedStream) async throws -> Void) -> HTTPResponse
  {
    var response = HTTPResponse(headers: head.headers, body: .hijack(take))
    response.upgradesTo = head.upgrade
    return response
  }

  private func commandCarrier() throws -> (CommandSession.Carrier, Head) {
    let versions = ["v5.channel.k8s.io", "v4.channel.k8s.io"]
    if request.upgrades.contains("websocket") { return (.webSocket, try socketHead(accepting: versions)) }
    return (.spdy, try spdyHead(accepting: [versions[1]]))
  }

  /// Source: RFC 6455, section 4.2.
  private func socketHead(accepting versions: [String]) throws -> Head {
    guard request.method == .GET, request.headers["Sec-WebSocket-Version"] == ["13"],
      let key = request.headers["Sec-WebSocket-Key"].first, let accept = WebSocketFraming.accept(key: key)
    else {
      throw StatusError.badRequest("unable to upgrade: a WebSocket is asked for by GET with a key, in version 13")
    }
    let version = try agree(Self.socketHeader, versions)
    return Head(upgrade: "websocket", headers: ["Sec-WebSocket-Accept": accept, Self.socketHeader: version])
  }

  private func spdyHead(accepting versions: [String]) throws -> Head {
    guard request.upgrades.contains("spdy/3.1") else { throw StatusError.badRequest("Upgrade request required") }
    return Head(upgrade: "SPDY/3.1", headers: [Self.versionHeader: try agree(Self.versionHeader, versions)])
  }

  /// The first of ours that the client offers.
  private func agree(_ header: String, _ versions: [String]) throws -> String {
    let offered = request.headers[header].flatMap { $0.split(separator: ",") }.map { $0.trimmingBlanks() }
    guard let version = versions.first(where: offered.contains) else {
      throw StatusError(
        403, "Forbidden",
        "unable to upgrade: unable to negotiate protocol: client supports [\(offered.prefix(8).joined(separator: " ").prefix(200))], server"
          + " accepts [\(versions.joined(separator: " "))]")
    }
    return version
  }
}
