import ClusterNames
import Glibc
import HTTPServing
import Internet
import KubeMachinery
import LinuxSystem
import Logging
import Model
import Networking
import ServiceProxy

/// Measures the data plane of services in network namespaces of its own: the time that a change of one endpoint takes in a full
/// table, requests through a service against the same pod directly, and questions for names. `Benchmarks/services` builds and runs it, as root.
@main
struct ServiceFigures {
  private static let services = 1_000
  private static let endpointsOfService = 10
  private static let changes = 200
  /// Many short ones in turns: others on the machine hit both alike.
  private static let rounds = 60
  private static let roundSeconds = 0.15

  static func main() throws {
    let node = try BenchNode()
    defer { node.remove() }
    try measureChanges(node)
    try measureRequests(node)
    try measureNames(node)
  }

  private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

  private static func report(_ name: String, _ value: Double, _ unit: String) {
    print("\(name): \((value * 100).rounded() / 100) \(unit)")
  }

  // MARK: Changes

  private static func address(_ number: Int) -> String {
    IPv4Address(bits: 0x0a80_0000 + UInt32(number)).description
  }

  private static func measureChanges(_ node: BenchNode) throws {
    let services = (0..<services).map { number in
      Documents.service("s\(number)", IPv4Address(bits: 0x0a60_1000 + UInt32(number)).description)
    }
    func slice(_ number: Int, _ count: Int) -> JSONValue {
      Documents.slice("s\(number)", (0..<count).map { address(number * endpointsOfService + $0) })
    }
    let start = ContinuousClock.now
    node.proxy.receive(.all(ServiceProxy.resources[0], services))
    node.proxy.receive(
      .all(ServiceProxy.resources[1], (0..<services.count).map { slice($0, endpointsOfService) }))
    node.proxy.settle()
    report("1,000 services with 10 endpoints each, at the start", milliseconds(since: start), "ms")
    var samples: [Double] = []
    for round in 0..<changes {
      let number = round * 7 % services.count
      let document = slice(number, endpointsOfService - (round / services.count + 1))
      let start = ContinuousClock.now
      node.proxy.receive(.present(ServiceProxy.resources[1], document))
      node.proxy.settle()
      samples.append(milliseconds(since: start))
    }
    report("a change of one endpoint among 10,000, median", median(samples), "ms")
    report("99 of 100 within", samples.sorted()[samples.count * 99 / 100], "ms")
  }

  private static func milliseconds(since start: ContinuousClock.Instant) -> Double {
    let time = start.duration(to: .now).components
    return Double(time.seconds) * 1_000 + Double(time.attoseconds) / 1e15
  }

  // MARK: Requests

  private static func measureRequests(_ node: BenchNode) throws {
    let (server, client) = (try node.pod(), try node.pod())
    let serving = try NamespaceThread.run(entering: [server.netns]) { try PageServer(port: 8_080) }
    defer { serving.stop() }
    node.proxy.receive(.present(ServiceProxy.resources[0], Documents.service("web", "10.96.0.80")))
    node.proxy.receive(.present(ServiceProxy.resources[1], Documents.slice("web", [server.address.description])))
    node.proxy.settle()
    let direct = SocketAddress.ipv4(server.address, port: 8_080)
    let service = SocketAddress.ipv4(IPv4Address(bits: 0x0a60_0050), port: 80)
    var (rates, costs): ([String: [Double]], [String: [Double]]) = ([:], [:])
    for round in 0...rounds {
      let turn = [("direct", direct), ("service", service)]
      for (name, target) in round % 2 == 0 ? turn : turn.reversed() {
        let begin = processorMicroseconds()
        let count = try NamespaceThread.run(entering: [client.netns]) {
          try PageClient.requests(at: target, seconds: roundSeconds)
        }
        // The first only warms up.
        guard round > 0 else { continue }
        rates[name, default: []].append(Double(count) / roundSeconds)
        costs[name, default: []].append((processorMicroseconds() - begin) / Double(count))
      }
    }
    func value(_ table: [String: [Double]], _ name: String) -> Double { median(table[name] ?? [0]) }
    report("requests to the pod itself, 16 connections", value(rates, "direct"), "requests/s")
    report("through its service", value(rates, "service"), "requests/s")
    report("ratio of rates", value(rates, "service") / value(rates, "direct"), "×")
    report("processor time of a request, to the pod itself", value(costs, "direct"), "µs")
    report("through its service", value(costs, "service"), "µs")
    report("ratio of rates at equal processor time", value(costs, "direct") / value(costs, "service"), "×")
  }

  /// Of this process, which is client and server and carries the packets as well.
  private static func processorMicroseconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) * 1e6 + Double($1.tv_usec) }
  }
}

extension ServiceFigures {
  private static let questions = 20_000

  /// One client that asks again as soon as it has its answer.
  private static func measureNames(_ node: BenchNode) throws {
    let client = try node.pod()
    node.names.receive(.all(ClusterNames.resources[0], [Documents.service("web", "10.96.0.80")]))
    guard
      let question = DNSQuery.message(
        asking: "web.default.svc.cluster.local", type: DNSMessage.RecordType.a, udpBytes: nil)
    else { return }
    let samples = try NamespaceThread.run(entering: [client.netns]) {
      let socket = try InternetSocket.open(.udp, family: AF_INET, nonBlocking: false)
      _ = try SocketAddress.ipv4(BenchNode.nameService, port: 53).withPointer { pointer, length in
        try systemCall("connect") { connect(socket.raw, pointer, length) }
      }
      var answer = [UInt8](repeating: 0, count: 512)
      return try (0..<questions).map { _ in
        let start = ContinuousClock.now
        try socket.write(all: question)
        _ = try answer.withUnsafeMutableBytes { try socket.read(into: $0) }
        return milliseconds(since: start)
      }
    }
    report(
      "names answered to one client that waits for each", 1_000 / (samples.reduce(0, +) / Double(questions)),
      "answers/s")
    report("99 of 100 within", samples.sorted()[questions * 99 / 100], "ms")
  }
}

private enum Documents {
  static func service(_ name: String, _ address: String) -> JSONValue {
    [
      "metadata": ["name": .string(name), "namespace": "default"],
      "spec": [
        "type": "ClusterIP", "clusterIP": .string(address), "ports": [["name": "http", "protocol": "TCP", "port": 80]],
      ],
    ]
  }

  static func slice(_ service: String, _ addresses: [String]) -> JSONValue {
    [
      "metadata": [
        "name": .string("\(service)-a"), "namespace": "default",
        "labels": ["kubernetes.io/service-name": .string(service)],
      ],
      "addressType": "IPv4", "ports": [["name": "http", "protocol": "TCP", "port": 8_080]],
      "endpoints": .array(addresses.map { ["addresses": [.string($0)]] }),
    ]
  }
}
