import HTTPServing
import Internet
import KubeMachinery
import TestNetwork
import Testing

@testable import ClusterNames

@Suite("Names of the cluster")
struct NameZoneTests {
  typealias RecordType = DNSMessage.RecordType

  private static let zone = ClusterZone(
    domain: "cluster.local",
    ranges: [
      IPv4Subnet(containing: IPv4Address(bits: 0x0a60_0000), prefixLength: 16),
      IPv4Subnet(containing: IPv4Address(bits: 0x0af4_0000), prefixLength: 24),
    ], server: IPv4Address(bits: 0x0a60_000a))

  static func service(_ name: String, _ spec: JSONValue) -> JSONValue {
    ["metadata": ["name": .string(name), "namespace": "default"], "spec": spec]
  }

  static func slice(_ service: String, _ endpoints: [JSONValue], suffix: String = "a") -> JSONValue {
    [
      "metadata": [
        "name": .string("\(service)-\(suffix)"), "namespace": "default",
        "labels": ["kubernetes.io/service-name": .string(service)],
      ],
      "addressType": "IPv4", "ports": [["name": "http", "protocol": "TCP", "port": 8_080]],
      "endpoints": .array(endpoints),
    ]
  }

  static let port: JSONValue = ["name": "http", "protocol": "TCP", "port": 80]
  static let objects: [ClusterNews] = [
    .all(
      NameCatalog.resources[0],
      [
        service("web", ["clusterIP": "10.96.1.1", "clusterIPs": ["10.96.1.1", "fd00::1"], "ports": [port]]),
        service("plain", ["clusterIP": "10.96.1.2", "ports": [["port": 80]]]),
        service("db", ["clusterIP": "None", "ports": [port]]),
        service("empty", ["clusterIP": "None"]),
        service("site", ["type": "ExternalName", "externalName": "Www.Example.Org."]),
        service("bad", ["type": "ExternalName", "externalName": "a..b"]),
      ]),
    .all(
      NameCatalog.resources[1],
      [
        slice("web", [["addresses": ["10.244.0.9"], "hostname": "hidden"]]),
        slice(
          "db",
          [
            ["addresses": ["10.244.0.3"], "hostname": "db-0"], ["addresses": ["10.244.0.4"]],
            ["addresses": ["10.244.0.5"], "conditions": ["ready": false], "hostname": "db-2"],
          ]), slice("db", [["addresses": ["10.244.0.3"], "hostname": "db-0"]], suffix: "b"),
      ]),
    .all(
      NameCatalog.resources[2],
      [
        ["metadata": ["name": "p", "namespace": "default"], "status": ["podIP": "10.244.0.7", "phase": "Running"]],
        ["metadata": ["name": "q", "namespace": "default"], "status": ["podIP": "10.244.0.8", "phase": "Failed"]],
      ]),
  ]

  static func catalog(_ more: ClusterNews...) -> NameCatalog {
    (objects + more).reduce(into: NameCatalog()) { $0.take($1) }
  }

  private static func text(_ record: DNSAnswer.Record) -> String {
    let value =
      switch record.value {
      case .address(let address): address.description
      case .address6(let address): address.description
      case .name(let name): name
      case .alias(let name): "= \(name)"
      case .service(let priority, let weight, let port, let target): "\(priority) \(weight) \(port) \(target)"
      case .authority(let server, _, _, _): server
      case .text(let text): text
      }
    return record.owner.map { "\($0): \(value)" } ?? value
  }

  /// Records in order of their text; other findings by name.
  private static func find(_ name: String, _ type: UInt16 = RecordType.any, in catalog: NameCatalog = catalog())
    -> [String]
  {
    switch zone.find(name, type: type, in: catalog) {
    case .records(let records, let additional): records.map(text).sorted() + additional.map { "+ \(text($0))" }.sorted()
    case .noData: ["nothing of the type"]
    case .nobody: ["nobody"]
    case .notYet: ["not yet"]
    case .alias(let name): ["as \(name)"]
    case .unknown: ["elsewhere"]
    }
  }

  struct Question: Sendable {
    let name: String
    var type = RecordType.a
    let answer: [String]

    init(_ name: String, _ type: UInt16 = RecordType.a, _ answer: String...) {
      self.name = name
      self.type = type
      self.answer = answer
    }
  }

  private static let none = "nothing of the type"

  @Test(arguments: [
    Question("web.default.svc.cluster.local", RecordType.a, "10.96.1.1"),
    Question("web.default.svc.cluster.local", RecordType.aaaa, "fd00::1"),
    Question("web.default.svc.cluster.local", RecordType.any, "10.96.1.1", "fd00::1"),
    Question("plain.default.svc.cluster.local", RecordType.aaaa, none),
    Question("nope.default.svc.cluster.local", RecordType.a, "nobody"),
    Question("web.other.svc.cluster.local", RecordType.a, "nobody"),
    Question("web.default.svc.cluster.locale", RecordType.a, "elsewhere"),
    Question("xcluster.local", RecordType.a, "elsewhere"),
    Question("cluster.local", RecordType.a, none),
    Question("cluster.local", RecordType.soa, "ns.dns.cluster.local"),
    Question("ns.dns.cluster.local", RecordType.a, "10.96.0.10"),
    Question("svc.cluster.local", RecordType.a, none),
    Question("default.svc.cluster.local", RecordType.a, none),
    Question("other.svc.cluster.local", RecordType.a, "nobody"),
    Question("dns-version.cluster.local", RecordType.txt, "1.1.0"),
    Question("example.org.default.svc.cluster.local", RecordType.a, "nobody"),
    Question("a.b.c.d.e.default.svc.cluster.local", RecordType.a, "nobody"),
    // Headless: an address for each ready endpoint, at the service's name and at its own.
    Question("db.default.svc.cluster.local", RecordType.a, "10.244.0.3", "10.244.0.4"),
    Question("db-0.db.default.svc.cluster.local", RecordType.a, "10.244.0.3"),
    Question("10-244-0-4.db.default.svc.cluster.local", RecordType.a, "10.244.0.4"),
    Question("db-2.db.default.svc.cluster.local", RecordType.a, "nobody"),
    Question("empty.default.svc.cluster.local", RecordType.a, none),
    Question("hidden.web.default.svc.cluster.local", RecordType.a, "nobody"),
    // Ports.
    Question(
      "_http._tcp.web.default.svc.cluster.local", RecordType.srv, "0 100 80 web.default.svc.cluster.local",
      "+ web.default.svc.cluster.local: 10.96.1.1", "+ web.default.svc.cluster.local: fd00::1"),
    Question("_http._udp.web.default.svc.cluster.local", RecordType.srv, "nobody"),
    Question("_http._tcp.web.default.svc.cluster.local", RecordType.a, none),
    Question("_tcp.web.default.svc.cluster.local", RecordType.srv, none),
    Question("http._tcp.web.default.svc.cluster.local", RecordType.srv, "nobody"),
    Question("_._tcp.plain.default.svc.cluster.local", RecordType.srv, "nobody"),
    Question(
      "_http._tcp.db.default.svc.cluster.local", RecordType.srv,
      "0 100 8080 10-244-0-4.db.default.svc.cluster.local", "0 100 8080 db-0.db.default.svc.cluster.local",
      "+ 10-244-0-4.db.default.svc.cluster.local: 10.244.0.4", "+ db-0.db.default.svc.cluster.local: 10.244.0.3"),
    // Names of others.
    Question("site.default.svc.cluster.local", RecordType.a, "as www.example.org"),
    Question("site.default.svc.cluster.local", RecordType.cname, "= www.example.org"),
    Question("bad.default.svc.cluster.local", RecordType.a, "nobody"),
    // Pods that there are.
    Question("10-244-0-7.default.pod.cluster.local", RecordType.a, "10.244.0.7"),
    Question("10-244-0-7.default.pod.cluster.local", RecordType.aaaa, none),
    Question("10-244-0-8.default.pod.cluster.local", RecordType.a, "nobody"),
    Question("10-244-0-7.other.pod.cluster.local", RecordType.a, "nobody"),
    Question("1-2-3.default.pod.cluster.local", RecordType.a, "nobody"),
    // Addresses.
    Question("1.1.96.10.in-addr.arpa", RecordType.ptr, "web.default.svc.cluster.local"),
    Question("3.0.244.10.in-addr.arpa", RecordType.ptr, "db-0.db.default.svc.cluster.local"),
    Question("4.0.244.10.in-addr.arpa", RecordType.ptr, "nobody"),
    Question("9.9.96.10.in-addr.arpa", RecordType.ptr, "nobody"),
    Question("1.1.1.1.in-addr.arpa", RecordType.ptr, "elsewhere"),
    Question("x.in-addr.arpa", RecordType.ptr, "elsewhere"),
    Question(
      "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", RecordType.ptr,
      "web.default.svc.cluster.local"),
  ])
  func `questions and their answers`(question: Question) {
    #expect(Self.find(question.name, question.type) == question.answer, "\(question.name) \(question.type)")
  }

  @Test func `names follow their objects`() {
    let (services, slices, pods) = (NameCatalog.resources[0], NameCatalog.resources[1], NameCatalog.resources[2])
    var catalog = Self.catalog()
    catalog.take(.present(services, Self.service("web", ["clusterIP": "10.96.1.7"])))
    #expect(Self.find("web.default.svc.cluster.local", RecordType.a, in: catalog) == ["10.96.1.7"])
    #expect(Self.find("1.1.96.10.in-addr.arpa", RecordType.ptr, in: catalog) == ["nobody"])
    catalog.take(.gone(slices, Self.slice("db", [])))
    #expect(Self.find("db.default.svc.cluster.local", RecordType.a, in: catalog) == ["10.244.0.3"])
    catalog.take(.gone(slices, Self.slice("db", [], suffix: "b")))
    #expect(Self.find("3.0.244.10.in-addr.arpa", RecordType.ptr, in: catalog) == ["nobody"])
    catalog.take(.all(pods, []))
    #expect(Self.find("10-244-0-7.default.pod.cluster.local", RecordType.a, in: catalog) == ["nobody"])
    catalog.take(.all(services, []))
    #expect(Self.find("default.svc.cluster.local", RecordType.a, in: catalog) == ["nobody"])
  }

  @Test func `nobody is told that a name is not there before it is known which there are`() {
    let names = [
      "web.default.svc.cluster.local", "db.default.svc.cluster.local", "10-244-0-7.default.pod.cluster.local",
      "3.0.244.10.in-addr.arpa",
    ]
    func answers(_ news: [ClusterNews]) -> [String] {
      let catalog = news.reduce(into: NameCatalog()) { $0.take($1) }
      return names.map { Self.find($0, in: catalog).first ?? "" }
    }
    #expect(answers([]) == Array(repeating: "not yet", count: 4))
    #expect(Self.find("ns.dns.cluster.local", RecordType.a, in: NameCatalog()) == ["10.96.0.10"])
    #expect(Self.find("1.1.1.1.in-addr.arpa", RecordType.ptr, in: NameCatalog()) == ["elsewhere"])
    #expect(answers([Self.objects[0]]) == ["10.96.1.1", "not yet", "not yet", "not yet"])
    #expect(answers([Self.objects[0], Self.objects[1]])[1...2] == ["10.244.0.3", "not yet"])
    #expect(answers([Self.objects[0], Self.objects[2]])[1...2] == ["not yet", "10.244.0.7"])
    let none = NameCatalog.resources.map { ClusterNews.all($0, []) }
    #expect(answers(none) == Array(repeating: "nobody", count: 4))
  }

  @Test func `what has gone leaves nothing behind`() {
    var random = SeededGenerator(seed: 0x4e)
    var catalog = NameCatalog()
    let (services, slices, pods) = (NameCatalog.resources[0], NameCatalog.resources[1], NameCatalog.resources[2])
    func number() -> Int { .random(in: 1..<5, using: &random) }
    for _ in 0..<400 {
      let service = Self.service(
        "s\(number())", ["clusterIP": .string(number() == 1 ? "None" : "10.96.0.\(number())"), "ports": [Self.port]])
      let slice = Self.slice(
        "s\(number())",
        (0..<number()).map { _ in ["addresses": [.string("10.244.0.\(number())")], "hostname": .string("h\(number())")]
        },
        suffix: "\(number())")
      let pod: JSONValue = [
        "metadata": ["name": .string("p\(number())"), "namespace": "default"],
        "status": ["podIP": .string("10.244.0.\(number())")],
      ]
      for (resource, document) in [(services, service), (slices, slice), (pods, pod)] {
        catalog.take(number() > 1 ? .present(resource, document) : .gone(resource, document))
      }
    }
    for resource in NameCatalog.resources { catalog.take(.all(resource, [])) }
    #expect(catalog.isEmpty)
  }
}
