import HTTPServing
import KubeMachinery
import Testing

@testable import KubeResources

@Suite struct ServiceAllocationTests {
  private static func service(_ name: String, _ spec: String) throws -> JSONValue {
    try Objects.read("svc", #"{"metadata":{"name":"\#(name)","namespace":"n"},"spec":{\#(spec)}}"#)
  }

  private static let port = #""ports":[{"port":80}]"#

  @Test func everyServiceGetsAnAddressOfItsOwn() throws {
    var made: [JSONValue] = []
    for number in 0..<300 {
      var service = try Self.service("s\(number)", #""type":"NodePort",\#(Self.port)"#)
      #expect(ServiceAllocation.complete(&service, nil, made) == [])
      made.append(service)
    }
    let addresses = made.map { $0.textAt("spec", "clusterIP") }
    #expect(Set(addresses).count == 300 && addresses.allSatisfy { $0.hasPrefix("10.96.") })
    #expect(made.allSatisfy { $0.listAt("spec", "clusterIPs") == [.string($0.textAt("spec", "clusterIP"))] })
    let ports = made.map { $0.listAt("spec", "ports")[0].numberAt("nodePort") }
    #expect(Set(ports).count == 300 && ports.allSatisfy(ServiceAllocation.nodePorts.contains))
    #expect(
      made[0].listAt("spec", "ipFamilies") == ["IPv4"] && made[0].textAt("spec", "ipFamilyPolicy") == "SingleStack")
  }

  @Test func headlessServicesAndNamesOutsideGetNone() throws {
    var headless = try Self.service("a", #""clusterIP":"None",\#(Self.port)"#)
    #expect(ServiceAllocation.complete(&headless, nil, []) == [] && headless.listAt("spec", "clusterIPs") == ["None"])
    var outside = try Self.service("b", #""type":"ExternalName","externalName":"example.com""#)
    #expect(ServiceAllocation.complete(&outside, nil, []) == [] && outside.textAt("spec", "clusterIP") == "")
  }

  @Test func whatAServiceHasItKeeps() throws {
    var service = try Self.service("a", #""type":"NodePort",\#(Self.port)"#)
    #expect(ServiceAllocation.complete(&service, nil, []) == [])
    var changed = service
    #expect(ServiceAllocation.complete(&changed, service, []) == [] && changed == service)
  }

  private static let wrong: [(String, [String])] = [
    (#""clusterIP":"10.96.0.77",\#(port)"#, []),
    (
      #""clusterIP":"10.96.1.1",\#(port)"#,
      [
        #"spec.clusterIPs: Invalid value: ["10.96.1.1"]: failed to allocate IP 10.96.1.1: provided IP is already allocated"#
      ]
    ),
    (
      #""clusterIP":"10.96.0.10",\#(port)"#,
      [
        #"spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated"#
      ]
    ),
    (
      #""clusterIP":"10.96.0.1",\#(port)"#,
      [
        #"spec.clusterIPs: Invalid value: ["10.96.0.1"]: failed to allocate IP 10.96.0.1: provided IP is already allocated"#
      ]
    ),
    (
      #""clusterIP":"10.97.0.1",\#(port)"#,
      [
        #"spec.clusterIPs: Invalid value: ["10.97.0.1"]: failed to allocate IP 10.97.0.1: the provided IP (10.97.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/16"#
      ]
    ),
    (
      #""ipFamilies":["IPv6"],\#(port)"#,
      [#"spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster"#]
    ),
    (
      #""clusterIP":"fd00::1",\#(port)"#,
      [#"spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster"#]
    ),
    (
      #""clusterIP":"10.96.0.77","clusterIPs":["10.96.0.77","::ffff:10.96.0.1"],\#(port)"#,
      [
        #"spec.clusterIPs[1]: Invalid value: ["10.96.0.77","::ffff:10.96.0.1"]: IPv6 is not configured on this cluster"#
      ]
    ),
    (
      #""type":"NodePort","ports":[{"port":80,"nodePort":80}]"#,
      [
        "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767"
      ]
    ),
    (
      #""type":"NodePort","ports":[{"port":80,"nodePort":30001}]"#,
      ["spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated"]
    ),
    (#""type":"NodePort","ports":[{"port":53,"protocol":"UDP","nodePort":30001}]"#, []),
  ]

  @Test(arguments: wrong) func wishes(_ spec: String, _ errors: [String]) throws {
    let other = try Self.service(
      "o", #""type":"NodePort","clusterIP":"10.96.1.1","ports":[{"port":80,"nodePort":30001}]"#)
    var service = try Self.service("a", spec)
    #expect(ServiceAllocation.complete(&service, nil, [other]).map(\.text) == errors)
  }

  @Test func theAddressOfTheAPIIsForItsServiceOnly() throws {
    func errors(_ namespace: String, _ name: String, _ others: [JSONValue] = []) throws -> Int {
      var service = try Self.service(name, #""clusterIP":"10.96.0.1",\#(Self.port)"#)
      service.meta.namespace = namespace
      return ServiceAllocation.complete(&service, nil, others).count
    }
    #expect(try errors("default", "kubernetes") == 0)
    #expect(try errors("n", "kubernetes") == 1)
    #expect(try errors("default", "web") == 1)
    // A cluster from before it was reserved.
    let holder = try Self.service("web", #""clusterIP":"10.96.0.1",\#(Self.port)"#)
    #expect(try errors("default", "kubernetes", [holder]) == 1)
    var kept = holder
    #expect(ServiceAllocation.complete(&kept, holder, []) == [])
  }
}
