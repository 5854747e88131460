import HTTPServing
import Internet
import KubeResources
import LinuxSystem
import Testing

@testable import ServiceProxy

@Suite("What a service wants in the table")
struct ServicePlanTests {
  static func rules(_ service: JSONValue, _ slices: JSONValue...) -> ServiceRules {
    ServicePlan.rules(
      for: ServiceDocument(service), slices.compactMap { SliceDocument($0) }, settings: Sample.settings)
  }

  /// Entries as a person would write them, by set.
  static func text(_ rules: ServiceRules) -> [String: [String]] {
    rules.elements.mapValues { elements in
      elements.map { element in
        var words = [key(element.key)]
        if let end = element.keyEnd { words.append("to \(key(end))") }
        if let value = element.value { words.append(": \(key(value))") }
        if let chain = element.chain {
          words.append(": \(chain.hasPrefix(StickyGroup.prefix) ? StickyGroup.prefix : chain)")
        }
        return words.joined(separator: " ")
      }.sorted()
    }
  }

  /// Registers of four bytes: numbers with zeros behind them are transports and ports.
  private static func key(_ bytes: [UInt8]) -> String {
    stride(from: 0, to: bytes.count, by: 4).map { start in
      let register = Array(bytes[start..<(start + 4)])
      if register[1...].allSatisfy({ $0 == 0 }) { return "\(register[0])" }
      if register[2] == 0, register[3] == 0 { return "\(Int(register[0]) << 8 | Int(register[1]))" }
      return register.map(String.init).joined(separator: ".")
    }.joined(separator: " ")
  }

  @Test func `a service is led to its ready endpoints, in order of their addresses`() {
    let rules = Self.rules(
      Sample.service(),
      Sample.slice(of: [
        .init(address: "10.244.0.9"), .init(address: "10.244.0.3"), .init(address: "10.244.0.4", ready: false),
      ]))
    #expect(
      Self.text(rules) == [
        "services": ["10.96.1.1 6 80 : pick_2"],
        "endpoints": ["10.96.1.1 6 80 0 : 10.244.0.3 8080", "10.96.1.1 6 80 1 : 10.244.0.9 8080"],
        "loops": ["10.244.0.3 10.244.0.3", "10.244.0.9 10.244.0.9"],
      ])
  }

  struct Readiness: Sendable {
    let endpoints: [(ready: Bool, serving: Bool?, terminating: Bool)]
    /// Which are used.
    let used: [Int]
  }

  @Test(arguments: [
    Readiness(endpoints: [(true, nil, false), (false, true, true)], used: [0]),
    Readiness(endpoints: [(false, true, true), (false, false, true)], used: [0]),
    Readiness(endpoints: [(false, true, false), (false, nil, true)], used: []),
    Readiness(endpoints: [(false, true, true), (false, true, true), (true, true, true)], used: [2]),
    Readiness(endpoints: [], used: []),
  ])
  func `those that end are used where none is ready`(table: Readiness) {
    let endpoints = table.endpoints.enumerated().map {
      Sample.Endpoint(
        address: "10.244.0.\($0 + 1)", ready: $1.ready, serving: $1.serving, terminating: $1.terminating)
    }
    let rules = Self.text(Self.rules(Sample.service(), Sample.slice(of: endpoints)))
    #expect(
      rules["endpoints"] ?? []
        == table.used.enumerated().map { "10.96.1.1 6 80 \($0) : 10.244.0.\($1 + 1) 8080" })
    #expect(rules["refused"] == (table.used.isEmpty ? ["10.96.1.1 6 80 : refuse"] : nil))
  }

  @Test func `headless services and names of others want nothing`() {
    for service in [
      Sample.service(address: "None"),
      Sample.service(type: "ExternalName", address: "", more: ["externalName": "example.org"]),
    ] {
      #expect(Self.rules(service, Sample.slice("web", "10.244.0.3")) == ServiceRules())
    }
  }

  @Test func `ports are found by name and transport, slices of others are not`() {
    let none = ["refused": ["10.96.1.1 17 80 : refuse"]]
    #expect(Self.text(Self.rules(Sample.service(transport: "UDP"), Sample.slice("web", "10.244.0.3"))) == none)
    var slice = Sample.slice("web", "10.244.0.3")
    slice["addressType"] = "IPv6"
    #expect(SliceDocument(slice) == nil)
    slice["addressType"] = "IPv4"
    slice["metadata"]?["labels"] = [:]
    #expect(SliceDocument(slice) == nil)
  }

  @Test func `entries have the name of their service, where it is one of Kubernetes`() {
    let comments = { (rules: ServiceRules) in
      rules.elements.mapValues { Set($0.map { $0.comment ?? "" }).sorted() }
    }
    let service = Sample.service(type: "NodePort", nodePort: 30_080)
    let led = comments(Self.rules(service, Sample.slice("web", "10.244.0.3")))
    #expect(led["services"] == ["default/web"] && led["node_services"] == ["default/web"])
    #expect(led["endpoints"] == [""] && led["loops"] == [""])
    let refused = comments(Self.rules(service))
    #expect(refused["refused"] == ["default/web"] && refused["node_refused"] == ["default/web"])
    let sticky = Sample.service(more: ["sessionAffinity": "ClientIP"])
    #expect(comments(Self.rules(sticky, Sample.slice("web", "10.244.0.3")))["services"] == ["default/web"])
    let long = String(repeating: "n", count: 120)
    for name in ["a\" : goto find }\n}\ntable ip x {", "", "Web", "a b", "a/b", long] {
      #expect(comments(Self.rules(Sample.service(name)))["refused"] == [""], "\(name)")
    }
  }

  @Test func `one endpoint in two slices counts once`() {
    let rules = Self.rules(
      Sample.service(), Sample.slice("web", "10.244.0.3"),
      Sample.slice(of: [.init(address: "10.244.0.3")], suffix: "b"))
    #expect(Self.text(rules)["services"] == ["10.96.1.1 6 80 : pick_1"])
  }

  @Test func `a node port hides clients, and does not where traffic stays local`() {
    let service = Sample.service(type: "NodePort", nodePort: 30_080)
    let slice = Sample.slice(of: [.init(address: "10.244.0.3"), .init(address: "10.244.9.3", node: "other")])
    let shared = Self.text(Self.rules(service, slice))
    #expect(shared["node_services"] == ["6 30080 : node_pick_2"])
    #expect(shared["node_masqueraded"] == ["6 30080"])
    #expect(shared["masqueraded"] == nil)
    let local = Self.text(
      Self.rules(
        Sample.service(type: "NodePort", nodePort: 30_080, more: ["externalTrafficPolicy": "Local"]), slice))
    #expect(local["node_services"] == ["6 30080 : node_pick_1"])
    #expect(local["node_endpoints"] == ["6 30080 0 : 10.244.0.3 8080"])
    #expect(local["services"] == ["10.96.1.1 6 80 : pick_2"])
    #expect(local["node_masqueraded"] == nil)
  }

  @Test func `where a policy leaves no endpoint packets are dropped, where there is none they are refused`() {
    let slice = Sample.slice(of: [.init(address: "10.244.9.3", node: "other")])
    let inside = Sample.service(more: ["internalTrafficPolicy": "Local"])
    #expect(Self.text(Self.rules(inside, slice)) == ["refused": ["10.96.1.1 6 80 : discard"]])
    let outside = Sample.service(type: "NodePort", nodePort: 30_080, more: ["externalTrafficPolicy": "Local"])
    #expect(Self.text(Self.rules(outside, slice))["node_refused"] == ["6 30080 : discard"])
    #expect(Self.text(Self.rules(outside))["node_refused"] == ["6 30080 : refuse"])
  }

  @Test func `a load balancer's addresses are for those who may`() {
    let service = Sample.service(
      type: "LoadBalancer", nodePort: 30_080,
      more: [
        "loadBalancerSourceRanges": ["192.0.2.0/24", "192.0.2.128/25", " 198.51.100.7/32", "nonsense"],
        "externalIPs": ["203.0.113.9"],
      ], ingress: ["203.0.113.5"])
    let rules = Self.text(Self.rules(service, Sample.slice("web", "10.244.0.3")))
    #expect(
      rules["services"] == [
        "10.96.1.1 6 80 : pick_1", "203.0.113.5 6 80 : pick_1", "203.0.113.9 6 80 : pick_1",
      ])
    #expect(rules["masqueraded"] == ["203.0.113.5 6 80", "203.0.113.9 6 80"])
    #expect(rules["guarded"] == ["203.0.113.5 6 80"])
    #expect(
      rules["allowed"] == [
        "203.0.113.5 6 80 192.0.2.0 to 203.0.113.5 6 80 192.0.2.255",
        "203.0.113.5 6 80 198.51.100.7 to 203.0.113.5 6 80 198.51.100.7",
      ])
    #expect(rules["balancers"] == ["203.0.113.5"])
  }

  @Test func `clients that stay have chains of their own, whose names say what is in them`() {
    func rules(_ seconds: Int64, _ addresses: String...) -> ServiceRules {
      Self.rules(
        Sample.service(more: [
          "sessionAffinity": "ClientIP",
          "sessionAffinityConfig": ["clientIP": ["timeoutSeconds": .integer(seconds)]],
        ]), Sample.slice(of: addresses.map { Sample.Endpoint(address: $0) }))
    }
    let two = rules(60, "10.244.0.3", "10.244.0.4")
    #expect(Self.text(two)["services"] == ["10.96.1.1 6 80 : sticky_"])
    #expect(Self.text(two)["endpoints"] == nil)
    let group = two.stickyGroups.first
    #expect(group?.setText.contains("timeout 60s") == true)
    let one = rules(60, "10.244.0.3").stickyGroups.first
    #expect(one?.chain != group?.chain)
    #expect(one?.clientSets.first == group?.clientSets.first)
    #expect(rules(61, "10.244.0.3").stickyGroups.first?.clientSets != one?.clientSets)
  }

  @Test func `of more endpoints than there is room for the first are used`() {
    let endpoints = (0..<1_010).map { Sample.Endpoint(address: "10.244.\($0 / 250).\($0 % 250 + 1)") }
    let rules = Self.rules(Sample.service(), Sample.slice(of: endpoints))
    #expect(rules.elements[RuleNames.endpoints]?.count == ServicePlan.maximumBackends)
    #expect(rules.elements[RuleNames.services]?.first?.chain == "pick_1000")
  }

  @Test(arguments: [
    "10.96.0.1", "10.244.0.9", "192.0.2.7", "10.96.0.10", "127.0.0.1", "0.0.0.0", "169.254.169.254", "224.0.0.1",
    "255.255.255.255",
  ])
  func `what somebody else has is no service's, whatever its document says`(address: String) {
    let plain = Self.rules(Sample.service(type: "LoadBalancer"), Sample.slice("web", "10.244.0.3"))
    let claims = Sample.service(type: "LoadBalancer", more: ["externalIPs": [.string(address)]], ingress: [address])
    #expect(Self.rules(claims, Sample.slice("web", "10.244.0.3")) == plain)
    // Of `clusterIPs` the first alone is the service's.
    let second = Sample.service(type: "LoadBalancer", more: ["clusterIPs": ["10.96.1.1", .string(address)]])
    #expect(Self.rules(second, Sample.slice("web", "10.244.0.3")) == plain)
  }

  @Test(arguments: ["10.97.0.1", "192.0.2.99", "10.96.0.10", "127.0.0.1"])
  func `an address of its own that is none of the range is not led`(address: String) {
    #expect(Self.rules(Sample.service(address: address), Sample.slice("web", "10.244.0.3")) == ServiceRules())
  }

  @Test func `of a service beyond all bounds the rest is passed over`() {
    var service = Sample.service(
      more: ["externalIPs": .array((0..<100).map { .string("203.0.113.\($0)") })])
    service["spec"]?["ports"] = .array(
      (1...1_010).map { ["name": "http", "protocol": "TCP", "port": .integer($0)] })
    let document = ServiceDocument(service)
    #expect(document.ports.count == 1_000 && document.externalAddresses.count == 64)
  }

  @Test func `names of chains are long enough that nobody makes two alike`() {
    let group = StickyGroup(
      service: ServiceKey(namespace: "n", name: "s"), port: 80, transport: .tcp, timeoutSeconds: 60,
      backends: [Backend(address: IPv4Address(bits: 0x0af4_0003), port: 8_080)])
    // SHA-256 of "n/s 6 80 60 10.244.0.3:8080", its first half.
    #expect(group.chain == "sticky_2c7e1e2c63392fe14811040a36f25fd2")
    #expect(
      group.memberChains == ["stay_2c7e1e2c63392fe14811040a36f25fd2"]
        && group.clientSets == ["clients_2c7e1e2c63392fe14811040a36f25fd2"])
  }
}
