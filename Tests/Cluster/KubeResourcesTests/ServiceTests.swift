import HTTPServing
import KubeMachinery
import KubeResources
import Testing

struct ServiceTests {
  private static func service(_ rest: String) -> String { Objects.named(#""spec":{\#(rest)}"#) }
  private static let port = #""ports":[{"port":80}]"#

  @Test func defaultsAreThoseOfKubernetes() throws {
    let service = try Objects.read("svc", Self.service(Self.port))
    let expected = try Objects.json(
      #"""
      {"ports":[{"port":80,"protocol":"TCP","targetPort":80}],"sessionAffinity":"None","type":"ClusterIP",
      "internalTrafficPolicy":"Cluster"}
      """#)
    #expect(service["spec"]?.means(expected) == true, "\(service["spec"]?.encodedText ?? "")")
    #expect(service["status"] == ["loadBalancer": [:]])
    let sticky = try Objects.read(
      "svc", Self.service(#""type":"LoadBalancer","sessionAffinity":"ClientIP",\#(Self.port)"#))
    #expect(sticky.at("spec", "sessionAffinityConfig") == ["clientIP": ["timeoutSeconds": 10_800]])
    #expect(sticky.at("spec", "externalTrafficPolicy") == "Cluster")
    #expect(sticky.at("spec", "allocateLoadBalancerNodePorts") == true)
    #expect(try Objects.read("svc", Self.service(#""clusterIP":"None""#)).at("spec", "clusterIPs") == ["None"])
  }

  private static let wrong: [(String, [String])] = [
    (port, []), (#""clusterIP":"None""#, []), (#""type":"ExternalName","externalName":"example.com""#, []),
    ("", ["spec.ports: Required value"]),
    (
      #""ports":[{"port":0}]"#,
      [
        "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
      ]
    ),
    (
      #""ports":[{"port":80},{"port":81}]"#,
      ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"]
    ),
    (
      #""ports":[{"name":"a","port":80},{"name":"a","port":80}]"#,
      [
        #"spec.ports[1].name: Duplicate value: "a""#, #"spec.ports[1]: Duplicate value: {"protocol":"TCP","port":80}"#,
      ]
    ),
    (
      #""ports":[{"port":80,"nodePort":30000}]"#,
      [
        "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"
      ]
    ),
    (
      #""type":"Tunnel",\#(port)"#,
      [
        #"spec.type: Unsupported value: "Tunnel": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort""#
      ]
    ),
    (#""type":"ExternalName""#, ["spec.externalName: Required value"]),
    (
      #""type":"NodePort","clusterIP":"None",\#(port)"#,
      [
        #"spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services"#
      ]
    ),
    (
      #""clusterIP":"10.0.0",\#(port)"#,
      [
        #"spec.clusterIPs[0]: Invalid value: "10.0.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#
      ]
    ),
    (
      #""sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":90000}},\#(port)"#,
      [
        "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 90000: must be greater than 0 and less than 86400"
      ]
    ),
    (
      #""clusterIP":"10.96.7.1","clusterIPs":["10.96.7.1","10.96.0.1"],\#(port)"#,
      [
        #"spec.clusterIPs: Invalid value: ["10.96.7.1","10.96.0.1"]: may specify no more than one IP for each IP family"#
      ]
    ),
    (
      #""externalIPs":["192.0.2.1"],\#(port)"#,
      [
        "spec.externalIPs[0]: Forbidden: services may not claim 192.0.2.1: it is none of kubernetes.externalAddresses in the server's configuration"
      ]
    ),
    (
      #""externalIPs":["127.0.0.1"],\#(port)"#,
      [
        #"spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)"#
      ]
    ),
    (
      #""loadBalancerSourceRanges":["10.0.0.0/33"],\#(port)"#,
      [
        #"spec.loadBalancerSourceRanges[0]: Invalid value: "10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"#,
        "spec.loadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
      ]
    ),
  ]

  @Test(arguments: ServiceTests.wrong)
  func whatIsWrongIsTold(_ spec: String, _ errors: [String]) throws {
    #expect(try Objects.createErrors("svc", Self.service(spec)) == errors)
  }

  @Test(
    arguments: [
      ("192.0.2.9", nil), ("198.51.100.4", nil), ("192.0.2.10", "Forbidden: services may not claim 192.0.2.10:"),
      ("10.96.0.1", "Forbidden: services may not claim 10.96.0.1:"),
      ("2001:db8::1", "Forbidden: services may not claim 2001:db8::1:"),
      ("169.254.169.254", #"Invalid value: "169.254.169.254": may not be in the link-local range"#),
      ("0.0.0.0", #"Invalid value: "0.0.0.0": may not be unspecified"#),
      ("x", #"Invalid value: "x": must be a valid IP address"#),
    ] as [(String, String?)])
  func servicesClaimWhatTheAdministratorLists(_ address: String, _ problem: String?) throws {
    let ranges = try #require(AddressRanges(["192.0.2.1-192.0.2.9", "198.51.100.0/28", "10.96.0.1", "169.254.0.0/16"]))
    let kind = try #require(KindCatalog.platform(externalAddresses: ranges).kind(called: "svc"))
    for rest in ["", #","externalTrafficPolicy":"Local""#] {
      let text = Self.service(#""externalIPs":["\#(address)"],\#(Self.port)\#(rest)"#)
      let service = try Objects.read("svc", text)
      for errors in [kind.createErrors(service), kind.updateErrors(service, old: service)] {
        #expect(errors.map(\.path) == (problem == nil ? [] : ["spec.externalIPs[0]"]))
        #expect(errors.allSatisfy { $0.message.hasPrefix(problem ?? "") }, "\(errors.map(\.text))")
      }
    }
  }

  @Test(arguments: [
    ("externalIPs", 64), ("ports", 1_000), ("loadBalancerSourceRanges", 256),
  ])
  func aServiceIsOfABoundedSize(_ field: String, _ most: Int) throws {
    let allowed = try #require(AddressRanges(["192.0.2.0/24"]))
    let kind = try #require(KindCatalog.platform(externalAddresses: allowed).kind(called: "svc"))
    for count in [most, most + 1] {
      var service = try Objects.read("svc", Self.service(#""type":"LoadBalancer",\#(Self.port)"#))
      service["spec"]?[field] = .array(
        (0..<count).map { number -> JSONValue in
          switch field {
          case "ports":
            ["name": .string("p\(number)"), "port": .integer(Int64(number + 1)), "protocol": "TCP", "targetPort": 1]
          case "externalIPs": .string("192.0.2.\(number)")
          default: .string("10.0.\(number / 250).\(number % 250)/32")
          }
        })
      #expect(
        kind.createErrors(service).map(\.text)
          == (count > most ? ["spec.\(field): Too many: \(count): must have at most \(most) items"] : []))
    }
  }

  @Test func namesBeginWithALetter() throws {
    let errors = try Objects.createErrors(
      "svc", #"{"metadata":{"name":"1st","namespace":"n"},"spec":{\#(Self.port)}}"#)
    #expect(errors.count == 1)
    #expect(errors.first?.hasPrefix(#"metadata.name: Invalid value: "1st": a DNS-1035 label must consist of"#) == true)
  }

  @Test func allocatedAddressesStay() throws {
    let old = #""clusterIP":"10.96.0.9","type":"NodePort","ports":[{"port":80,"nodePort":30080}]"#
    #expect(
      try Objects.updateErrors(
        "svc", from: Self.service(old),
        to: Self.service(#""clusterIP":"10.96.9.9","clusterIPs":["10.96.9.9"],"type":"NodePort",\#(Self.port)"#)) == [
          #"spec.clusterIPs[0]: Invalid value: ["10.96.9.9"]: may not change once set"#
        ])
    let kind = try Objects.kind("svc")
    var new = try Objects.read("svc", Self.service(#""type":"NodePort",\#(Self.port)"#))
    kind.prepareUpdate(&new, old: try Objects.read("svc", Self.service(old)))
    #expect(new.at("spec", "clusterIP") == "10.96.0.9")
    #expect(new.at("spec", "clusterIPs") == ["10.96.0.9"])
    #expect(new.at("spec", "ports")?.items.first?["nodePort"] == 30_080)
  }

  private static let shown: [(String, String)] = [
    (
      #""type":"ClusterIP","clusterIP":"10.96.0.1","ports":[{"port":443,"protocol":"TCP"}],"selector":{"b":"2","a":"1"}"#,
      #"["x","ClusterIP","10.96.0.1","<none>","443/TCP","60m","a=1,b=2"]"#
    ),
    (
      #""type":"NodePort","clusterIP":"10.96.0.1","ports":[{"port":80,"nodePort":30080,"protocol":"TCP"},{"port":53,"protocol":"UDP"}]"#,
      #"["x","NodePort","10.96.0.1","<none>","80:30080/TCP,53/UDP","60m","<none>"]"#
    ),
    (
      #""type":"LoadBalancer","clusterIP":"10.96.0.1""#,
      #"["x","LoadBalancer","10.96.0.1","<pending>","<none>","60m","<none>"]"#
    ),
    (
      #""type":"ExternalName","externalName":"example.com""#,
      #"["x","ExternalName","<none>","example.com","<none>","60m","<none>"]"#
    ),
  ]

  @Test(arguments: ServiceTests.shown)
  func tablesTellTheState(_ spec: String, _ cells: String) throws {
    let object = #"{"metadata":{"name":"x","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{\#(spec)}}"#
    #expect(try Objects.cells("svc", object) == cells)
  }

  /// What the former type needed, who changes the type need not take back.
  @Test(arguments: [
    (
      #""type":"NodePort","ports":[{"port":80,"nodePort":30001}]"#,
      #""type":"ClusterIP","ports":[{"port":80,"nodePort":30001}]"#
    ),
    (
      #""type":"LoadBalancer","externalTrafficPolicy":"Local","loadBalancerClass":"x/y",\#(port)"#,
      #""type":"ClusterIP","externalTrafficPolicy":"Local","loadBalancerClass":"x/y","allocateLoadBalancerNodePorts":true,\#(port)"#
    ),
    (
      #""clusterIP":"10.96.0.7","ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack",\#(port)"#,
      #""type":"ExternalName","externalName":"x.example","clusterIP":"10.96.0.7","clusterIPs":["10.96.0.7"],"ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack","internalTrafficPolicy":"Cluster",\#(port)"#
    ),
  ])
  func anotherTypeDropsWhatItHasNoUseFor(_ old: String, _ new: String) throws {
    #expect(try Objects.updateErrors("svc", from: Self.service(old), to: Self.service(new)) == [])
    let kind = try Objects.kind("svc")
    var changed = try Objects.read("svc", Self.service(new))
    kind.prepareUpdate(&changed, old: try Objects.read("svc", Self.service(old)))
    let spec = changed["spec"] ?? [:]
    for field in ["nodePort", "externalTrafficPolicy", "loadBalancerClass", "allocateLoadBalancerNodePorts"] {
      #expect(!spec.encodedText.contains(field))
    }
    #expect(spec["type"] == "ClusterIP" || spec["clusterIP"] == nil && spec["ipFamilies"] == nil)
  }

  @Test func addressesOfLoadBalancersAreThoseOfPackets() throws {
    let text =
      #"{"metadata":{"name":"x"},"spec":{"type":"LoadBalancer"},"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"},{"hostname":"a.example"},{"ip":"192.0.2.2","ipMode":"Proxy"}]}}}"#
    let modes = try Objects.read("svc", text).at("status", "loadBalancer", "ingress")?.items.map { $0["ipMode"]?.text }
    #expect(modes == ["VIP", nil, "Proxy"])
  }
}
